package engines

// Lease is one slot of a running engine: the right to have one answer made at a time. Release gives it back.
type Lease struct {
	URL           string // base of the engine's HTTP server on loopback, without a slash at the end
	Key           string // bearer key that the engine demands
	Model         Model
	EngineVersion string // what the engine calls itself; part of system_fingerprint
}

// Release gives the slot to the next in line. Calling it again does nothing.
func (l *Lease) Release() {}

// Died is closed when the engine's process ended while the lease was held.
func (l *Lease) Died() <-chan struct{} { return nil }

// Fault explains a call to the engine that failed with cause.
func (l *Lease) Fault(cause error) error { return cause }
