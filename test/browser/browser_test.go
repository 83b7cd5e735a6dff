package browser

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/test/scene"
)

// world is a scene with a desk and a browser in front of it.
type world struct {
	*scene.Scene
	url     string
	server  *httptest.Server
	pages   []string // patterns of the router
	browser context.Context
}

func open(t *testing.T, settings ...func(*desk.Config)) *world {
	t.Helper()
	t.Parallel()
	chromium(t)
	s := scene.New(t)
	config := desk.Config{DB: s.DB, Demo: true, Targets: notifier.Default().Targets}
	for _, set := range settings {
		set(&config)
	}
	d, err := desk.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.Routes())
	t.Cleanup(server.Close)
	browser, err := chromiums()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &world{s, server.URL, server, d.Pages(), browser}
}

// chromiums starts the one browser of this package. Each tab has cookies of its
// own, so that tests share it side by side; they wait for pages most of the time.
var chromiums = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(found()), chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	closing = func() { stopBrowser(); stop() }
	return browser, chromedp.Do(browser)
})

// profile is the browser's own folder, and closing ends it.
var (
	profile string
	closing = func() {}
)

func TestMain(m *testing.M) {
	var err error
	if profile, err = os.MkdirTemp("", "reportable-browser-"); err != nil {
		panic(err)
	}
	code := m.Run()
	closing()
	os.RemoveAll(profile)
	os.Exit(code)
}

// found is where a browser is, or nothing. The one without windows of its own does
// with a third of the processor time.
func found() string {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// chromium asks for a browser. In CI its absence is a failure.
func chromium(t *testing.T) {
	t.Helper()
	if found() != "" {
		return
	}
	const remedy = "no Chromium on this machine; on Debian: apt-get install chromium-headless-shell"
	if os.Getenv("CI") == "true" {
		t.Fatal(remedy)
	}
	t.Skip(remedy)
}

// tab is somebody's browser, signed in or not.
type tab struct {
	*testing.T
	*world
	ctx context.Context
}

// shape is a size of window.
type shape struct {
	name          string
	width, height int64
	mobile        bool
}

var (
	wide   = shape{"desktop", 1280, 1000, false}
	narrow = shape{"phone", 375, 812, true}
)

// tab opens a tab with cookies of its own.
func (w *world) tab(t *testing.T, s shape) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(w.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, timeout := context.WithTimeout(ctx, patience())
	t.Cleanup(timeout)
	b := &tab{t, w, ctx}
	b.size(s)
	return b
}

// patience is how long a tab is open at most. Whoever wants pictures has a tab
// look at hundreds of pages.
func patience() time.Duration {
	if os.Getenv("SCREENSHOTS") != "" {
		return time.Hour
	}
	return 4 * time.Minute
}

// size gives the window another size, with the page that is in it.
func (b *tab) size(s shape) {
	b.Helper()
	if s.mobile {
		b.do(chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateMobile, chromedp.EmulateTouch))
	} else {
		b.do(chromedp.EmulateViewport(s.width, s.height))
	}
}

// do takes steps one after the other.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	for _, step := range steps {
		get(b, step)
	}
}

// get takes one step. One under which the page was replaced by the next has
// found its element and done nothing to it, and is taken again.
func get[T any](b *tab, what chromedp.Action[T]) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, what)
	for end := time.Now().Add(20 * time.Second); err != nil && strings.Contains(err.Error(), "No node with given id") && time.Now().Before(end); {
		_ = nap(b.ctx, nil) // a context that has ended ends the next try too
		v, err = chromedp.Run(b.ctx, what)
	}
	if err != nil {
		b.Fatal(err)
	}
	return v
}

type css = chromedp.CSS

func (b *tab) goTo(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url+path), chromedp.WaitReady(css("main")))
}

func (b *tab) signIn(who string) {
	b.Helper()
	b.goTo("/sign-in")
	b.do(chromedp.Click(css(`input[value="persona:`+who+`"]`)), chromedp.Click(css(`main button[type=submit]`)), chromedp.WaitReady(css(".desk-header__who")))
}

func (b *tab) language(lang string) {
	b.Helper()
	b.goTo("/language/" + lang + "?back=/sign-in")
}

func (b *tab) path() string {
	b.Helper()
	return strings.TrimPrefix(get(b, chromedp.Location()), b.url)
}

func (b *tab) text(selector string) string {
	b.Helper()
	return strings.Join(strings.Fields(get(b, chromedp.Text(css(selector)))), " ")
}

// noScript turns JavaScript off for what follows.
func (b *tab) noScript() {
	b.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// picture keeps a picture of the whole page, if somebody asked for pictures.
func (b *tab) picture(name string) {
	b.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	png := get(b, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// axeCore is the source of axe-core, read once.
var axeCore = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile(filepath.Join("..", "..", "deploy", "assets", "node_modules", "axe-core", "axe.min.js"))
	return string(source) + "; 0", err
})

// axe reports what a page breaks of WCAG 2.2 AA. Of a page that was looked at
// already and only made narrower, it asks again what hangs on what is visible
// and where.
func (b *tab) axe(name string, narrowed bool) {
	b.Helper()
	source, err := axeCore()
	if err != nil {
		const remedy = "axe-core is not installed; run: make assets"
		if os.Getenv("CI") == "true" {
			b.Fatal(remedy)
		}
		b.Skip(remedy)
	}
	if !get(b, chromedp.Evaluate[bool](`'axe' in window`)) {
		b.do(chromedp.Evaluate[chromedp.Void](source))
	}
	rules := `runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: {'target-size': {enabled: true}}`
	if narrowed {
		rules = `runOnly: {type: 'rule', values: ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block',
			'button-name', 'link-name', 'label', 'select-name', 'svg-img-alt', 'aria-hidden-focus', 'page-has-heading-one', 'region']}`
	}
	out := get(b, chromedp.Evaluate[string](`axe.run(document, {`+rules+`, resultTypes: ['violations'], preload: false
	}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help,
		nodes: v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).slice(0, 3)}))))`, chromedp.EvalAwaitPromise))
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(out), &violations); err != nil {
		b.Fatal(err)
	}
	for _, v := range violations {
		b.Errorf("%s: %s (%s): %s", name, v.Help, v.ID, strings.Join(v.Nodes, " | "))
	}
}

// nap is how long a test waits before it looks again at a page that is on its way.
func nap(ctx context.Context, _ *chromedp.Target) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
