package oim

import (
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/leaktest"
)

// TestMain fails if tests leave goroutines behind.
func TestMain(m *testing.M) { leaktest.Main(m) }
