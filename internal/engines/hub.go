package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

const (
	hubPrefix    = "hf:"
	connectLimit = 5 * time.Second  // to a machine that cannot reach the hub the next source must not be long in coming
	stallLimit   = 30 * time.Second // without a byte, after which a connection counts as cut
	hubTries     = 5                // in a row that bring nothing
	maxRedirects = 10
)

// hubClient makes the client for the hub. It follows no redirect by itself: the hub's own answer, which carries the file's hash, is
// the one before the redirect to the host that has the bytes.
func hubClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectLimit}).DialContext,
			TLSHandshakeTimeout:   connectLimit,
			ResponseHeaderTimeout: stallLimit,
			ForceAttemptHTTP2:     true,
			// A compressed answer could not be resumed at a byte of the file.
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// hubError is an answer of the hub that asking again will not change.
type hubError struct{ text string }

func (e *hubError) Error() string { return e.text }

// hubFile is one file of a repository, with what it must be.
type hubFile struct {
	repo string
	File
}

// url is where the hub answers for the file.
func (l *Library) hubURL(f hubFile) string {
	return l.o.HubURL + "/" + f.repo + "/resolve/main/" + (&url.URL{Path: f.Name}).EscapedPath()
}

// hubGet asks for a file and follows the redirects. first is the hub's own answer, of which only the header is left; resp is the last
// answer and its body is open. With method HEAD redirects to other hosts are not followed and both are the hub's.
func (l *Library) hubGet(ctx context.Context, method, address string, from int64) (first http.Header, resp *http.Response, err error) {
	hub, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	at := hub
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("User-Agent", "everpoint")
		if from > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
		resp, err := l.client.Do(req)
		if err != nil {
			return nil, nil, err
		}
		if at.Host == hub.Host && (first == nil || resp.Header.Get("X-Linked-Etag") != "") {
			first = resp.Header
		}
		if resp.StatusCode < 300 || resp.StatusCode > 399 {
			return first, resp, nil
		}
		next, err := resp.Location()
		if err != nil {
			resp.Body.Close()
			return nil, nil, err
		}
		if method == http.MethodHead && next.Host != hub.Host {
			return first, resp, nil
		}
		resp.Body.Close()
		at = next
	}
	return nil, nil, &hubError{text: "the hub redirects without end"}
}

// hubStatus explains an answer that brings no file; nil means that the file follows.
func hubStatus(f hubFile, status int) error {
	name := f.repo + "/" + f.Name
	switch {
	case status == http.StatusOK, status == http.StatusPartialContent:
		return nil
	case status == http.StatusNotFound:
		return &hubError{text: fmt.Sprintf("the hub has no %s; check the owner, the name and the file", name)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &hubError{text: fmt.Sprintf("the hub does not give %s to everyone; fetch it by hand and add the file by its path", name)}
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500, status == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("the hub answered %d for %s", status, name)
	}
	return &hubError{text: fmt.Sprintf("the hub answered %d for %s", status, name)}
}

// declared reads the SHA-256 and the size that the hub declares for a file that it keeps outside git, as it does with all large
// ones. For a file kept in git itself the hub declares no SHA-256 and sum is empty.
func declared(h http.Header) (sum string, size int64) {
	sum = strings.ToLower(strings.Trim(strings.TrimPrefix(h.Get("X-Linked-Etag"), "W/"), `"`))
	if !hubSum.MatchString(sum) {
		return "", 0
	}
	size, err := strconv.ParseInt(h.Get("X-Linked-Size"), 10, 64)
	if err != nil || size <= 0 {
		return "", 0
	}
	return sum, size
}

var (
	hubSum  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	hubPart = regexp.MustCompile(`-\d{5}-of-\d{5}\.gguf$`)
	hubSpec = regexp.MustCompile(`^hf:([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*):([^\\]+\.gguf)$`)
)

// declaredModel asks the hub about hf:owner/name:file and makes a model of its answer, pinned to what the hub declares now.
func (l *Library) declaredModel(ctx context.Context, id string) (Model, error) {
	parts := hubSpec.FindStringSubmatch(id)
	if parts == nil || strings.Contains("/"+parts[2]+"/", "/../") || strings.Contains("/"+parts[2], "//") {
		return Model{}, apierror.Invalidf("model", "", "`%s` names no file on the Hugging Face hub: write hf:owner/name:file.gguf", id)
	}
	f := hubFile{repo: parts[1], File: File{Name: parts[2]}}
	if hubPart.MatchString(f.Name) {
		return Model{}, apierror.Invalidf("model", "", "`%s` is one part of a model that is split into several files; choose a model in one file", id)
	}
	first, resp, err := l.hubGet(ctx, http.MethodHead, l.hubURL(f), 0)
	if err != nil {
		return Model{}, fmt.Errorf("huggingface: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode < 300 || resp.StatusCode > 399 {
		if err := hubStatus(f, resp.StatusCode); err != nil {
			return Model{}, fmt.Errorf("huggingface: %w", err)
		}
	}
	sum, size := declared(first)
	if sum == "" {
		return Model{}, fmt.Errorf("huggingface: the hub declares no SHA-256 for %s/%s, so that it cannot be checked; fetch it by hand and add the file by its path", f.repo, f.Name)
	}
	base := path.Base(f.Name)
	return Model{
		ID: strings.ToLower(strings.TrimSuffix(base, ".gguf")), Engine: LlamaCPP, Origin: id,
		File: strings.ReplaceAll(f.repo, "/", "--") + "--" + base, Size: size, SHA256: sum,
		Sources: []Source{{Kind: SourceHuggingFace, Repo: f.repo, Files: []File{{Name: f.Name}}}},
	}, nil
}

// fromHub brings the model's file, or the files that it is made of, from the hub to partial.
func (l *Library) fromHub(ctx context.Context, m Model, s Source, partial string, report func(Progress)) error {
	if s.Convert == "" {
		f := hubFile{repo: s.Repo, File: File{Name: s.Files[0].Name, Size: m.Size, SHA256: m.SHA256}}
		return l.hubDownload(ctx, f, partial, func(done int64) { report(Progress{Name: m.ID, Done: done, Total: m.Size}) })
	}
	dir := partsDir(partial)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var total, before int64
	for _, file := range s.Files {
		total += file.Size
	}
	for _, file := range s.Files {
		to := filepath.Join(dir, path.Base(file.Name))
		err := l.hubDownload(ctx, hubFile{repo: s.Repo, File: file}, to, func(done int64) {
			report(Progress{Name: m.ID, Done: before + done, Total: total})
		})
		if err != nil {
			return err
		}
		if err := checkFile(to, file.Size, file.SHA256); err != nil {
			return errors.Join(err, os.Remove(to))
		}
		before += file.Size
	}
	if err := convert(s.Convert, dir, partial); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// hubDownload brings one file to the path to, going on from what is there. A connection that is cut is taken up again,
// but a hub that does not answer in the first place is given up at once.
func (l *Library) hubDownload(ctx context.Context, f hubFile, to string, report func(done int64)) error {
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	at, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if at > f.Size {
		if at, err = 0, out.Truncate(0); err != nil {
			return err
		}
	}
	if err := l.checkSpace(filepath.Dir(to), f.Size-at); err != nil {
		return err
	}
	answered := false
	for failures := 0; at < f.Size; {
		report(at)
		next, err := l.hubOnce(ctx, f, out, at, report)
		if err == nil {
			at = next
			continue
		}
		var final *hubError
		if ctx.Err() != nil || errors.As(err, &final) || isLocal(err) {
			return err
		}
		var unreachable *url.Error // of the client: there was no answer at all
		if !answered && errors.As(err, &unreachable) {
			return err // the next source must not be long in coming
		}
		answered = true
		if failures++; next > at {
			failures = 1
		}
		if at = next; failures == hubTries {
			return err
		}
		l.o.Logger.Warn("a download was cut and is taken up again", "file", f.repo+"/"+f.Name, "bytes", at, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(failures) * l.retryWait):
		}
	}
	return nil
}

// isLocal tells a failure of this machine's disk, which trying again will not mend, from one of the network.
func isLocal(err error) bool {
	var local *os.PathError
	return errors.As(err, &local)
}

// hubOnce makes one request and writes what it brings to out from byte at on. next is the first byte that is still missing.
func (l *Library) hubOnce(ctx context.Context, f hubFile, out *os.File, at int64, report func(done int64)) (next int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first, resp, err := l.hubGet(ctx, http.MethodGet, l.hubURL(f), at)
	if err != nil {
		return at, err
	}
	defer resp.Body.Close()
	if err := hubStatus(f, resp.StatusCode); err != nil {
		return at, err
	}
	if sum, _ := declared(first); sum != "" && sum != f.SHA256 {
		return at, &hubError{text: fmt.Sprintf("the hub has another %s/%s now: it declares SHA-256 %s, wanted %s", f.repo, f.Name, sum, f.SHA256)}
	}
	if resp.StatusCode == http.StatusPartialContent {
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", at)) {
			return at, &hubError{text: "the hub sent another part of the file than it was asked for"}
		}
	} else {
		at = 0 // a server that knows no ranges sends the file from its start
	}
	if _, err := out.Seek(at, io.SeekStart); err != nil {
		return at, err
	}
	stalled := time.AfterFunc(stallLimit, func() { cancel(errors.New("the hub sends nothing any more")) })
	defer stalled.Stop()
	body := &meter{ctx: ctx, r: io.LimitReader(resp.Body, f.Size-at), report: func(done int64) {
		stalled.Reset(stallLimit)
		report(at + done)
	}}
	n, err := io.Copy(out, body)
	if err == nil && at+n < f.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return at + n, err
}
