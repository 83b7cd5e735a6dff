package feed_test

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The page for integration teams is tried as they would try it: its blocks are
// run in order, by a shell with curl.
func TestThePageForIntegrationTeamsWorksAsItStands(t *testing.T) {
	page, err := os.ReadFile("../../deploy/forces.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no curl here; apt-get install curl")
	}
	x, _, _, enquiry := asked(t)
	dir := t.TempDir()
	receipt := "none"
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	want := []string{"", "not-found", `"accepted":1`, `"status":"accepted"`, `"status":"duplicate"`, `"lines":[]`, `does not fit the mapping`,
		`"purpose":"risk"`, `"status":"taken"`, `"accepted":1`}
	if len(blocks) != len(want) {
		t.Fatalf("the page has %d blocks, want %d", len(blocks), len(want))
	}
	if err := os.WriteFile(dir+"/export.csv", []byte(gwent), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, block := range blocks {
		c := exec.Command("sh", "-eu", "-c", strings.NewReplacer("RECEIPT?", receipt+"?", "ENQUIRY", enquiry).Replace(block[1]))
		c.Dir = dir
		c.Env = append(os.Environ(), "REPORTABLE="+x.URL, "KEY="+x.keys["62"])
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want[n]) {
			t.Errorf("block %d: %v: got\n%s\nwant %s", n+1, err, out, want[n])
		}
		if id := regexp.MustCompile(`"receipt":"([^"]+)"`).FindSubmatch(out); id != nil {
			receipt = string(id[1])
		}
	}
	if got := x.ask("62", "GET", "/v1/incidents/18000007736", nil); got.status != http.StatusOK {
		t.Errorf("the first record: got %d", got.status)
	}
}
