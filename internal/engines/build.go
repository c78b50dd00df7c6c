package engines

import "context"

func (l *Library) buildLlamaServer(ctx context.Context, onProgress func(Progress)) error { return nil }
