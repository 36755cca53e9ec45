package proxy

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/show"
	"pingd/integration/procs/peers"
)

// quickClients are those who are served beside slow ones.
const quickClients = 64

// slow measures quick clients, first alone and then beside clients that never
// finish their heads.
func (m *measure) slow(ctx context.Context, p *peers.Proxy) (*measured, error) {
	program, err := exec.LookPath("slowhttptest")
	if err != nil {
		return nil, &peers.MissingError{Program: "slowhttptest", Debian: "slowhttptest"}
	}
	quick := *m
	quick.shape = shape{kind: shapeGet, clients: quickClients}
	if _, err := quick.round(ctx, p, time.Second); err != nil {
		return nil, err
	}
	calm, err := quick.round(ctx, p, m.cmd.Round)
	if err != nil {
		return nil, err
	}
	n := strconv.Itoa(m.shape.clients)
	attacked, stop := context.WithCancel(ctx)
	defer stop()
	attack := exec.CommandContext(attacked, program, "-H", "-c", n, "-r", n, "-i", "2", "-x", "10", "-l", "60", "-v", "0", "-u", "http://"+p.Addr+"/")
	if err := attack.Start(); err != nil {
		return nil, fmt.Errorf("run slowhttptest: %w", err)
	}
	defer func() { stop(); _ = attack.Wait() }() // ended by us
	select {
	case <-time.After(3 * time.Second): // until most are connected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	round, err := quick.round(ctx, p, m.cmd.Round)
	if err != nil {
		return nil, err
	}
	round.calm = calm.p99
	return round, nil
}

// slowRow adds what one proxy did under slow clients.
func slowRow(t *show.Table, f Figure) {
	t.Add(f.Shape, f.Proxy, show.Millis(f.P99Calm), show.Millis(f.P99), fmt.Sprintf("%.2f", f.P99ToCalm), show.Count(f.Failed))
}

func calmMillis(r measured) float64 { return drive.Millis(r.calm) }
