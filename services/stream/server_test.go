package stream_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/services/stream"
)

func TestAnEmbeddedServerThatCannotStartSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := stream.Embed(dir)
	if err == nil || !strings.Contains(err.Error(), "move the folder away") {
		t.Errorf("got %v, want what to do", err)
	}
}

func waitForMessages(t *testing.T, js jetstream.JetStream, want uint64) {
	t.Helper()
	waitUntil(t, strconv.FormatUint(want, 10)+" messages", func() bool {
		s, err := js.Stream(t.Context(), stream.Matches)
		return err == nil && s.CachedInfo().State.Msgs == want
	})
}

// waitUntil is for what gives no signal.
func waitUntil(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if true() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
