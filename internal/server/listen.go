package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen takes an address, and says what to do when it cannot be had.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is in use: another program, perhaps another everpoint, listens there. Stop it, or choose another address with --listen, such as 127.0.0.1:0 for any free port: %w", address, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s. Choose a port above 1023 with --listen: %w", address, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is no address of this machine. Use 127.0.0.1, 0.0.0.0 or one of the machine's own with --listen: %w", address, err)
	}
	return nil, fmt.Errorf("cannot listen on %q; give host:port with --listen: %w", address, err)
}

// isLoopback tells whether only this machine can connect to an address.
func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}
