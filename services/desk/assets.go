package desk

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// dist holds govuk-frontend and moj-frontend as `make assets` puts them there:
// govuk-frontend.min.css and .js, moj-frontend.min.css and .js, images/. It is
// empty in a fresh clone, and pages are then plain but complete.
//
//go:embed all:dist
var dist embed.FS

//go:embed assets
var own embed.FS

// assets serves both under /assets, our own first.
func assets() http.Handler {
	vendored, _ := fs.Sub(dist, "dist")
	ours, _ := fs.Sub(own, "assets")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean(strings.TrimPrefix(r.URL.Path, "/assets/"))
		root := vendored
		if has(ours, name) {
			root = ours
		}
		if !has(root, name) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFileFS(w, r, root, name)
	})
}

func has(root fs.FS, name string) bool {
	info, err := fs.Stat(root, name)
	return err == nil && !info.IsDir() && !strings.HasPrefix(path.Base(name), ".")
}

// vendored reports whether `make assets` has run.
func vendored() bool {
	_, err := fs.Stat(dist, "dist/govuk-frontend.min.css")
	return err == nil
}
