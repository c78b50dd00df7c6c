package httpapi

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func TestSurface(t *testing.T) {
	s := newEchoServer(t, Options{})
	vendorHeaders := map[string]string{
		"X-Request-Id": "req_[0-9a-f]{32}", "Openai-Processing-Ms": `\d+`, "Openai-Version": "2020-10-01",
		"Openai-Organization": "everpoint", "X-Content-Type-Options": "nosniff", "Access-Control-Expose-Headers": "X-Request-ID.*",
		"Access-Control-Allow-Origin": "",
	}
	runScenarios(t, s.URL, []scenario{
		{name: "health", path: "/healthz", noKey: true, status: 200, has: []string{`{"status":"ok"}`}},
		{name: "readiness", path: "/readyz", noKey: true, status: 200, headers: vendorHeaders},
		{name: "HEAD", method: "HEAD", path: "/readyz", noKey: true, status: 200, headers: vendorHeaders},
		{name: "metrics", path: "/metrics", noKey: true, status: 200, has: []string{
			"everpoint_http_requests_in_flight 1", `everpoint_http_requests_total{route="GET /healthz",status="200"} 1`, "go_goroutines",
		}},
		{name: "unknown route", path: "/v1/foo", noKey: true, status: 404, headers: vendorHeaders,
			has: []string{`{"error":{"message":"Invalid URL (GET /v1/foo)","type":"invalid_request_error","param":null,"code":null}}`}},
		{name: "root", path: "/", noKey: true, status: 404, has: []string{"Invalid URL (GET /)"}},
		{name: "wrong method", path: "/v1/chat/completions/x/y", method: "PUT", noKey: true, status: 404},
		{name: "method not allowed", method: "GET", path: "/v1/embeddings", status: 405, headers: map[string]string{"Allow": "POST"},
			has: []string{"Not allowed to GET on /v1/embeddings. (HINT: Perhaps you meant to use a different HTTP method?)"}},
		{name: "method not allowed, short path", method: "POST", path: "/models", status: 405, headers: map[string]string{"Allow": "GET, HEAD"}},
		{name: "preflight without CORS", method: "OPTIONS", path: "/v1/embeddings", noKey: true, status: 405,
			send: map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}},
		{name: "to come", path: "/v1/files", status: 501,
			has: []string{`"code":"not_implemented"`, "The operation listFiles is not available on this server"}},
		{name: "never", method: "POST", path: "/v1/audio/voices", status: 501, has: []string{"consented recording"}},
		{name: "to come needs a key", path: "/v1/files", noKey: true, status: 401},
		{name: "answer", method: "POST", path: "/v1/echo", body: `{"model":"m"}`, status: 200, headers: vendorHeaders,
			has: []string{`"model":"m"`, `"project":"Default project"`, `"request":"req_`, `"html":"<&>"`}},
		{name: "without /v1", method: "POST", path: "/echo", body: `{"model":"m"}`, status: 200,
			headers: map[string]string{"X-Everpoint-Target": "echo-target", "Content-Type": "application/json"}},
		{name: "doubled slash", method: "POST", path: "/v1//echo", body: `{"model":"m"}`, status: 200},
		{name: "trailing slash", method: "POST", path: "/v1/echo/", body: `{"model":"m"}`, status: 200},
		{name: "escaped slash in a model", path: "/v1/models/owner%2Fname", status: 404, has: []string{"owner/name", "does not exist"}},
		{name: "slash in a model", path: "/v1/models/owner/name", status: 404, has: []string{"owner/name"}},
		{name: "client request id", path: "/readyz", status: 200, send: map[string]string{"X-Client-Request-Id": strings.Repeat("a", 512)}},
		{name: "client request id too long", path: "/readyz", status: 400, send: map[string]string{"X-Client-Request-Id": strings.Repeat("a", 513)}},
		{name: "client request id not ASCII", path: "/readyz", status: 400, send: map[string]string{"X-Client-Request-Id": "ä"}},
	})
}

func TestBodies(t *testing.T) {
	s := newEchoServer(t, Options{MaxBody: 1000, MaxDepth: 10})
	form := map[string]string{"Content-Type": "multipart/form-data; boundary=x"}
	const noJSON = "We could not parse the JSON body of your request."
	rows := []scenario{
		{name: "no content type", body: `{"model":"m"}`, status: 200},
		{name: "text/plain", body: `{"model":"m"}`, status: 200, send: map[string]string{"Content-Type": "text/plain"}},
		{name: "broken content type", body: `{"model":"m"}`, status: 200, send: map[string]string{"Content-Type": ";;"}},
		{name: "multipart", body: "--x--", status: 400, send: form, has: []string{"multipart/form-data", "application/json"}, hasNot: []string{noJSON}},
		{name: "form", body: "a=b", status: 400, send: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, has: []string{noJSON}},
		{name: "JSON that curl declares a form", body: `{"model":"m"}`, status: 200, send: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{name: "gzip", body: "\x1f\x8b", status: 415, send: map[string]string{"Content-Encoding": "gzip"}, has: []string{"gzip"}},
		{name: "identity", body: `{"model":"m"}`, status: 200, send: map[string]string{"Content-Encoding": "identity"}},
		{name: "empty", status: 400},
		{name: "malformed", body: `{"model":`, status: 400, has: []string{noJSON}},
		{name: "two values", body: `{} {}`, status: 400, has: []string{noJSON}},
		{name: "invalid UTF-8", body: "{\"model\":\"\xff\"}", status: 400, has: []string{noJSON, "UTF-8"}},
		{name: "deep", body: strings.Repeat("[", 11) + strings.Repeat("]", 11), status: 400, has: []string{"nested too deeply: at most 10"}},
		{name: "deep and unclosed", body: strings.Repeat(`{"a":`, 50), status: 400, has: []string{"nested too deeply"}},
		{name: "brackets in strings", body: `{"model":"` + strings.Repeat("[", 50) + `\"["}`, status: 200},
		{name: "at the limit", body: `{"model":"m"}` + strings.Repeat(" ", 987), status: 200},
		{name: "over the limit", body: strings.Repeat(" ", 1001), status: 413,
			has: []string{"Maximum content size limit (1000) exceeded (1001 bytes read)", `"type":"server_error"`}},
	}
	for i := range rows {
		rows[i].method, rows[i].path = http.MethodPost, "/v1/echo"
	}
	runScenarios(t, s.URL, rows)
}

func TestUnknownParametersAreRefused(t *testing.T) {
	s := newTestServer(t, Options{})
	const body = `{"model":"m","messages":[{"role":"user","content":"x"}]`
	for name, row := range map[string]scenario{
		"one": {body: body + `,"zzz":1}`, has: []string{`"message":"Unknown parameter: 'zzz'."`, `"param":"zzz","code":"unknown_parameter"`}},
		"two": {body: body + `,"zzz":1,"aaa":2}`, has: []string{`"message":"Unknown parameter: 'aaa'."`}},
	} {
		t.Run(name, func(t *testing.T) {
			row.method, row.path, row.status = http.MethodPost, "/v1/chat/completions", 400
			row.run(t, s.URL)
		})
	}
}

func TestKeys(t *testing.T) {
	db, key, secret := newStoreWithKey(t.Context(), t)
	s := newEchoServer(t, Options{Store: db})
	basic := func(user, password string) map[string]string {
		return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
	}
	bearer := func(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }
	missing := []string{"You didn't provide an API key.", `"type":"invalid_request_error","param":null,"code":null`}
	wrong := []string{"Incorrect API key provided: ", "***", `"code":"invalid_api_key"`}
	rows := []scenario{
		{name: "bearer", send: bearer(secret), status: 200},
		{name: "bearer in lower case", send: map[string]string{"Authorization": "bearer " + secret}, status: 200},
		{name: "bootstrap key", send: bearer(testKey), status: 200},
		{name: "basic", send: basic("", secret), status: 200},
		{name: "api-key", send: map[string]string{"Api-Key": secret}, status: 200},
		{name: "api-key beside another scheme", send: map[string]string{"Api-Key": secret, "Authorization": "Negotiate x"}, status: 200},
		{name: "none", status: 401, has: missing, headers: map[string]string{"Www-Authenticate": "Bearer .*"}},
		{name: "empty bearer", send: map[string]string{"Authorization": "Bearer "}, status: 401, has: missing},
		{name: "no scheme", send: map[string]string{"Authorization": secret}, status: 401, has: missing},
		{name: "basic with a user", send: basic("me", secret), status: 401, has: missing},
		{name: "wrong", send: bearer("sk-wrong-and-quite-secret-0123456789"), status: 401, has: wrong,
			hasNot: []string{"sk-wrong-and-quite-secret-0123456789", "secret"}},
		{name: "nearly the bootstrap key", send: bearer(testKey + "x"), status: 401, has: wrong, hasNot: []string{testKey}},
		{name: "very long", send: bearer(strings.Repeat("k", 20_000)), status: 401, has: wrong},
	}
	for i := range rows {
		rows[i].method, rows[i].path, rows[i].body, rows[i].noKey = http.MethodPost, "/v1/echo", `{"model":"m"}`, true
	}
	runScenarios(t, s.URL, rows)

	if err := db.RevokeKey(t.Context(), key.ProjectID, key.ID); err != nil {
		t.Fatal(err)
	}
	scenario{method: "POST", path: "/v1/echo", body: `{}`, send: bearer(secret), status: 401, has: wrong}.run(t, s.URL)
}

func TestServerWithoutKeysServesThisMachineOnly(t *testing.T) {
	s := newEchoServer(t, Options{NoAuth: true, CORSOrigins: []string{"https://mine.example"}})
	rows := []scenario{
		{name: "no origin", status: 200, has: []string{`"project":"Default project"`}},
		{name: "page on localhost", status: 200, send: map[string]string{"Origin": "http://localhost:3000"}},
		{name: "page that is allowed", status: 200, send: map[string]string{"Origin": "https://mine.example"}},
		{name: "page elsewhere", status: 403, send: map[string]string{"Origin": "https://evil.example"}},
		{name: "opaque page", status: 403, send: map[string]string{"Origin": "null"}},
	}
	for i := range rows {
		rows[i].method, rows[i].path, rows[i].body, rows[i].noKey = http.MethodPost, "/v1/echo", `{"model":"m"}`, true
	}
	runScenarios(t, s.URL, rows)

	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:80": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "127.9.9.9": true,
		"evil.example": false, "localhost.evil.example:80": false, "10.0.0.1": false, "": false,
	} {
		if got := isLoopbackHost(host); got != want {
			t.Errorf("isLoopbackHost(%q) is %v", host, got)
		}
	}
}

func TestRebindingHostIsRefused(t *testing.T) {
	s := newEchoServer(t, Options{NoAuth: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status is %d, want 403", resp.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	preflight := func(origin string) map[string]string {
		return map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
	}
	t.Run("listed origins", func(t *testing.T) {
		s := newEchoServer(t, Options{CORSOrigins: []string{"https://a.example"}})
		runScenarios(t, s.URL, []scenario{
			{name: "preflight", method: "OPTIONS", path: "/v1/echo", noKey: true, send: preflight("https://a.example"), status: 204, headers: map[string]string{
				"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Credentials": "true",
				"Access-Control-Allow-Methods": ".*POST.*", "Access-Control-Allow-Headers": "authorization,content-type", "Vary": "Origin.*",
			}},
			{name: "preflight of another", method: "OPTIONS", path: "/v1/echo", noKey: true, send: preflight("https://b.example"), status: 405,
				headers: map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
			{name: "request", method: "POST", path: "/v1/echo", body: "{}", send: map[string]string{"Origin": "https://a.example"}, status: 200,
				headers: map[string]string{"Access-Control-Allow-Origin": "https://a.example"}},
			{name: "refusal can be read", method: "POST", path: "/v1/echo", noKey: true, send: map[string]string{"Origin": "https://a.example"}, status: 401,
				headers: map[string]string{"Access-Control-Allow-Origin": "https://a.example"}},
			{name: "no origin", method: "POST", path: "/v1/echo", body: "{}", status: 200, headers: map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		})
	})
	t.Run("all origins", func(t *testing.T) {
		s := newEchoServer(t, Options{CORSOrigins: []string{"*"}})
		runScenarios(t, s.URL, []scenario{
			{name: "preflight", method: "OPTIONS", path: "/v1/echo", noKey: true, send: preflight("https://b.example"), status: 204,
				headers: map[string]string{"Access-Control-Allow-Origin": `\*`, "Access-Control-Allow-Credentials": ""}},
		})
	})
}
