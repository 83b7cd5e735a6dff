package harness

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// Page is what somebody saw at a URL.
type Page struct {
	URL    string
	Status int
	Body   string
}

// Browses signs a worker in at a process's desk and opens every page that can
// be reached by links, up to a number.
func (k Worker) Browses(p *Process, most int) (pages []Page) {
	k.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	answer, err := client.PostForm(p.Desk+"/sign-in", url.Values{"persona": {k.Account.Subject}})
	if err != nil {
		k.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		k.Fatalf("sign in at the desk as %s: %s", k.Account.Subject, answer.Status)
	}
	seen := map[string]bool{"/": true}
	for waiting := []string{"/"}; len(waiting) > 0 && len(pages) < most; waiting = waiting[1:] {
		page := k.opens(client, p.Desk+waiting[0])
		pages = append(pages, page)
		document, err := goquery.NewDocumentFromReader(strings.NewReader(page.Body))
		if err != nil {
			continue
		}
		document.Find("a[href], form[action]").Each(func(_ int, s *goquery.Selection) {
			to := s.AttrOr("href", s.AttrOr("action", ""))
			if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "/language") || strings.HasPrefix(to, "/sign-out") || seen[to] {
				return
			}
			seen[to] = true
			waiting = append(waiting, to)
		})
	}
	return pages
}

func (k Worker) opens(client *http.Client, at string) Page {
	k.Helper()
	answer, err := client.Get(at)
	if err != nil {
		k.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		k.Fatal(err)
	}
	return Page{URL: answer.Request.URL.String(), Status: answer.StatusCode, Body: string(body)}
}
