package feed

import (
	"context"
	"io"

	"github.com/reportable-incidents/reportable/services/casework"
)

// TakeFrom takes a file from a folder that was looked at before, and says
// whether anything of it was read.
func (f *Folder) TakeFrom(ctx context.Context, force, dir, name string) (read bool, err error) {
	err = f.take(ctx, force, dir, name, func(context.Context, string, string, io.Reader, *Rejects) (casework.Receipt, error) {
		read = true
		return casework.Receipt{Accepted: 1}, nil
	})
	return read, err
}

// TakeAndReject takes a file of which nothing can be read.
func (f *Folder) TakeAndReject(ctx context.Context, force, dir, name string) error {
	return f.take(ctx, force, dir, name, func(context.Context, string, string, io.Reader, *Rejects) (casework.Receipt, error) {
		return casework.Receipt{}, formatError("no format")
	})
}

// LayOut lays out what a force is asked in a folder that was looked at before.
func (f *Folder) LayOut(ctx context.Context, force, dir string) error {
	return f.layOut(ctx, force, dir)
}
