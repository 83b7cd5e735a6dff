package stream

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxStore is how much disk the embedded server's streams may take. The bytes
// that each stream may take are reserved out of it.
const MaxStore = 2 << 30

// Server is NATS inside this process. Nothing outside can reach it.
type Server struct {
	nats *server.Server
}

// Embed starts a server that keeps its streams in the folder. It listens on no
// port and leaves signals to the process.
func Embed(dir string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName:        "reportable",
		DontListen:        true,
		NoSigs:            true,
		JetStream:         true,
		JetStreamMaxStore: MaxStore,
		// Streams are on file; memory is for the server's own bookkeeping.
		JetStreamMaxMemory: 64 << 20,
		StoreDir:           dir,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	said := &serverLog{}
	s.SetLoggerV2(said, false, false, false)
	s.Start()
	if said.fatal.Load() != nil || !s.JetStreamEnabled() || !s.ReadyForConnections(10*time.Second) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("embedded NATS does not start on %s (%s): make room on the disk, or move the folder away; what was not yet handled is found again in PostgreSQL", dir, said.fatal.Load())
	}
	return &Server{nats: s}, nil
}

// InProcessConn gives a connection that needs no socket. It makes Server what
// nats.InProcessServer asks for.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Close stops the server and waits until its files are closed.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// serverLog passes on what the server warns of, and remembers why it gave up:
// it has no other way to say so.
type serverLog struct {
	fatal atomic.Value
}

func (l *serverLog) Fatalf(format string, v ...any) { l.fatal.Store(fmt.Sprintf(format, v...)) }
func (l *serverLog) Errorf(format string, v ...any) {
	slog.Error("nats server", "says", fmt.Sprintf(format, v...))
}
func (l *serverLog) Warnf(format string, v ...any) {
	slog.Warn("nats server", "says", fmt.Sprintf(format, v...))
}
func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}
