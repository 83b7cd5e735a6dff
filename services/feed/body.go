package feed

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// idle is how long a sender may pause in the middle of a body.
const idle = 30 * time.Second

// A compressed body may grow by this factor, once it is past the free part.
// NDJSON of one force shrinks to a tenth or so; a bomb to a thousandth.
const (
	ratio = 100
	free  = 16 << 20
)

// body gives a request's body as it was before compression, within limits. Its
// errors are faults, which say what the sender did.
func body(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	raw := &counted{in: &patient{in: r.Body, control: http.NewResponseController(w)}}
	var in io.Reader = raw
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(raw)
		if err != nil {
			return nil, badCompression
		}
		in = &bounded{in: unzipped, raw: raw}
	default:
		return nil, &fault{http.StatusUnsupportedMediaType, casework.Problem{Code: "wrong_encoding",
			Message: "The body is compressed in a way that is not understood here.", Action: "Send it as it is, or with gzip."}}
	}
	return &limited{in: in, left: limit, limit: limit}, nil
}

var badCompression = &fault{http.StatusBadRequest, casework.Problem{Code: string(check.BadEncoding),
	Message: "The body is not valid gzip.", Action: "Compress it again and send it again."}}

// patient gives up on a sender that pauses for too long.
type patient struct {
	in      io.Reader
	control *http.ResponseController
	moved   time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.moved) > time.Second {
		p.moved = now
		_ = p.control.SetReadDeadline(now.Add(idle)) // a writer without deadlines, as in tests, has no slow senders either
	}
	n, err := p.in.Read(b)
	if err == io.EOF {
		// The body is over. The server goes on listening on the connection, for
		// whether the sender is still there: a deadline that passes while the
		// last records are committed would look as if they had gone. After a
		// body that broke off it stays, for the server waits for the rest of it.
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// counted knows how much has come over the wire.
type counted struct {
	in   io.Reader
	read int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.read += int64(n)
	return n, err
}

// bounded refuses a compressed body that grows out of proportion.
type bounded struct {
	in  io.Reader
	raw *counted
	out int64
}

func (z *bounded) Read(b []byte) (int, error) {
	n, err := z.in.Read(b)
	z.out += int64(n)
	if z.out > free && z.out/ratio > z.raw.read {
		return 0, &fault{http.StatusRequestEntityTooLarge, casework.Problem{Code: string(check.TooLarge),
			Message: "The compressed body grows out of all proportion when it is unpacked.", Action: "Send it uncompressed."}}
	}
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || isFlate(err) {
		return n, badCompression
	}
	return n, err
}

// isFlate knows the errors of broken compression, which have no common type.
func isFlate(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "flate: ") }

// limited refuses a body over the limit. What came before the limit counts.
type limited struct {
	in          io.Reader
	left, limit int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		// A body of exactly the limit ends here; one byte more is too many.
		var one [1]byte
		if n, err := l.in.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, &fault{http.StatusRequestEntityTooLarge, casework.Problem{Code: string(check.TooLarge),
			Message: "The body is larger than " + strconv.FormatInt(l.limit>>20, 10) + " MiB. What came before that has been dealt with.",
			Action:  "Send the rest in smaller parts; records that were accepted will be answered as duplicates."}}
	}
	if int64(len(b)) > l.left {
		b = b[:l.left]
	}
	n, err := l.in.Read(b)
	l.left -= int64(n)
	return n, err
}
