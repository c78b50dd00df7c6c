package httpapi

import (
	"net/http"

	"github.com/everpoint/everpoint/internal/apierror"
)

// comingOperation is an operation of the contract that is in scope and not there yet.
type comingOperation struct {
	pattern   string
	operation string
	reason    string // why it is not there, for the client
}

// The reasons of operations that are not there.
const (
	later  = "it comes with a later version of Everpoint"
	voices = "custom voices need a consented recording and a cloning engine"
)

// answer tells a client that the operation exists, and is not served here.
func (o comingOperation) answer(http.ResponseWriter, *http.Request) error {
	return apierror.NotImplementedf("", "The operation %s is not available on this server: %s.", o.operation, o.reason)
}

// toCome lists what the contract has and routes lacks. Move a line to routes when its handler is written; a test compares
// both with the contract.
var toCome = []comingOperation{
	{"GET /v1/chat/completions", "listChatCompletions", later},
	{"GET /v1/chat/completions/{completion_id}", "getChatCompletion", later},
	{"POST /v1/chat/completions/{completion_id}", "updateChatCompletion", later},
	{"DELETE /v1/chat/completions/{completion_id}", "deleteChatCompletion", later},
	{"GET /v1/chat/completions/{completion_id}/messages", "getChatCompletionMessages", later},
	{"DELETE /v1/models/{model}", "deleteModel", later},
	{"POST /v1/moderations", "createModeration", later},
	{"POST /v1/images/edits", "createImageEdit", later},
	{"POST /v1/images/generations", "createImage", later},
	{"POST /v1/images/variations", "createImageVariation", later},
	{"POST /v1/audio/speech", "createSpeech", later},
	{"POST /v1/audio/transcriptions", "createTranscription", later},
	{"POST /v1/audio/translations", "createTranslation", later},
	{"POST /v1/audio/voice_consents", "createVoiceConsent", voices},
	{"GET /v1/audio/voice_consents", "listVoiceConsents", voices},
	{"GET /v1/audio/voice_consents/{consent_id}", "getVoiceConsent", voices},
	{"POST /v1/audio/voice_consents/{consent_id}", "updateVoiceConsent", voices},
	{"DELETE /v1/audio/voice_consents/{consent_id}", "deleteVoiceConsent", voices},
	{"POST /v1/audio/voices", "createVoice", voices},
	{"GET /v1/files", "listFiles", later},
	{"POST /v1/files", "createFile", later},
	{"DELETE /v1/files/{file_id}", "deleteFile", later},
	{"GET /v1/files/{file_id}", "retrieveFile", later},
	{"GET /v1/files/{file_id}/content", "downloadFile", later},
	{"POST /v1/uploads", "createUpload", later},
	{"POST /v1/uploads/{upload_id}/cancel", "cancelUpload", later},
	{"POST /v1/uploads/{upload_id}/complete", "completeUpload", later},
	{"POST /v1/uploads/{upload_id}/parts", "addUploadPart", later},
	{"GET /v1/vector_stores", "listVectorStores", later},
	{"POST /v1/vector_stores", "createVectorStore", later},
	{"GET /v1/vector_stores/{vector_store_id}", "getVectorStore", later},
	{"POST /v1/vector_stores/{vector_store_id}", "modifyVectorStore", later},
	{"DELETE /v1/vector_stores/{vector_store_id}", "deleteVectorStore", later},
	{"POST /v1/vector_stores/{vector_store_id}/file_batches", "createVectorStoreFileBatch", later},
	{"GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}", "getVectorStoreFileBatch", later},
	{"POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel", "cancelVectorStoreFileBatch", later},
	{"GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files", "listFilesInVectorStoreBatch", later},
	{"GET /v1/vector_stores/{vector_store_id}/files", "listVectorStoreFiles", later},
	{"POST /v1/vector_stores/{vector_store_id}/files", "createVectorStoreFile", later},
	{"GET /v1/vector_stores/{vector_store_id}/files/{file_id}", "getVectorStoreFile", later},
	{"DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}", "deleteVectorStoreFile", later},
	{"POST /v1/vector_stores/{vector_store_id}/files/{file_id}", "updateVectorStoreFileAttributes", later},
	{"GET /v1/vector_stores/{vector_store_id}/files/{file_id}/content", "retrieveVectorStoreFileContent", later},
	{"POST /v1/vector_stores/{vector_store_id}/search", "searchVectorStore", later},
	{"GET /v1/assistants", "listAssistants", later},
	{"POST /v1/assistants", "createAssistant", later},
	{"GET /v1/assistants/{assistant_id}", "getAssistant", later},
	{"POST /v1/assistants/{assistant_id}", "modifyAssistant", later},
	{"DELETE /v1/assistants/{assistant_id}", "deleteAssistant", later},
	{"POST /v1/threads", "createThread", later},
	{"POST /v1/threads/runs", "createThreadAndRun", later},
	{"GET /v1/threads/{thread_id}", "getThread", later},
	{"POST /v1/threads/{thread_id}", "modifyThread", later},
	{"DELETE /v1/threads/{thread_id}", "deleteThread", later},
	{"GET /v1/threads/{thread_id}/messages", "listMessages", later},
	{"POST /v1/threads/{thread_id}/messages", "createMessage", later},
	{"GET /v1/threads/{thread_id}/messages/{message_id}", "getMessage", later},
	{"POST /v1/threads/{thread_id}/messages/{message_id}", "modifyMessage", later},
	{"DELETE /v1/threads/{thread_id}/messages/{message_id}", "deleteMessage", later},
	{"GET /v1/threads/{thread_id}/runs", "listRuns", later},
	{"POST /v1/threads/{thread_id}/runs", "createRun", later},
	{"GET /v1/threads/{thread_id}/runs/{run_id}", "getRun", later},
	{"POST /v1/threads/{thread_id}/runs/{run_id}", "modifyRun", later},
	{"POST /v1/threads/{thread_id}/runs/{run_id}/cancel", "cancelRun", later},
	{"GET /v1/threads/{thread_id}/runs/{run_id}/steps", "listRunSteps", later},
	{"GET /v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}", "getRunStep", later},
	{"POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "submitToolOuputsToRun", later},
	{"POST /v1/batches", "createBatch", later},
	{"GET /v1/batches", "listBatches", later},
	{"GET /v1/batches/{batch_id}", "retrieveBatch", later},
	{"POST /v1/batches/{batch_id}/cancel", "cancelBatch", later},
	{"POST /v1/fine_tuning/alpha/graders/run", "runGrader", later},
	{"POST /v1/fine_tuning/alpha/graders/validate", "validateGrader", later},
	{"GET /v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions", "listFineTuningCheckpointPermissions", later},
	{"POST /v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions", "createFineTuningCheckpointPermission", later},
	{"DELETE /v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions/{permission_id}", "deleteFineTuningCheckpointPermission", later},
	{"POST /v1/fine_tuning/jobs", "createFineTuningJob", later},
	{"GET /v1/fine_tuning/jobs", "listPaginatedFineTuningJobs", later},
	{"GET /v1/fine_tuning/jobs/{fine_tuning_job_id}", "retrieveFineTuningJob", later},
	{"POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel", "cancelFineTuningJob", later},
	{"GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints", "listFineTuningJobCheckpoints", later},
	{"GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/events", "listFineTuningEvents", later},
	{"POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/pause", "pauseFineTuningJob", later},
	{"POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/resume", "resumeFineTuningJob", later},
	{"POST /v1/responses", "createResponse", later},
	{"GET /v1/responses/{response_id}", "getResponse", later},
	{"DELETE /v1/responses/{response_id}", "deleteResponse", later},
	{"POST /v1/responses/{response_id}/cancel", "cancelResponse", later},
	{"GET /v1/responses/{response_id}/input_items", "listInputItems", later},
	{"POST /v1/responses/input_tokens", "Getinputtokencounts", later},
	{"POST /v1/responses/compact", "Compactconversation", later},
	{"POST /v1/conversations/{conversation_id}/items", "createConversationItems", later},
	{"GET /v1/conversations/{conversation_id}/items", "listConversationItems", later},
	{"GET /v1/conversations/{conversation_id}/items/{item_id}", "getConversationItem", later},
	{"DELETE /v1/conversations/{conversation_id}/items/{item_id}", "deleteConversationItem", later},
	{"POST /v1/conversations", "createConversation", later},
	{"GET /v1/conversations/{conversation_id}", "getConversation", later},
	{"DELETE /v1/conversations/{conversation_id}", "deleteConversation", later},
	{"POST /v1/conversations/{conversation_id}", "updateConversation", later},
}
