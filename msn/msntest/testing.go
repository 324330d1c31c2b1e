package msntest

// TB is what [New] needs of a testing.TB. Naming it here keeps package testing and its flags out of programs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// New starts a service for one test and stops it when the test ends. It fails the test if that does not work.
func New(t TB, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatalf("start the MSN service: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("stop the MSN service: %v", err)
		}
	})
	return s
}
