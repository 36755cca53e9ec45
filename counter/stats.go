package counter

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Status is the state of a Counter as shown by /status.
type Status struct {
	Key        string  `json:"key"`
	Visits     uint64  `json:"visits"`     // answered with a number
	Last       int64   `json:"last"`       // the number answered last
	Batches    uint64  `json:"batches"`    // calls of the store that succeeded
	MeanBatch  float64 `json:"mean_batch"` // visits per such call
	Errors     uint64  `json:"errors"`     // visits answered 503
	Left       uint64  `json:"left"`       // visitors that went away before their answer
	Waiting    int     `json:"waiting"`    // visits in the queue now
	Registered bool    `json:"registered"` // the registration is being held
	Draining   bool    `json:"draining"`   // stopping
}

// Status returns a Status.
func (c *Counter) Status() any {
	s := Status{
		Key:        c.cfg.Key,
		Visits:     c.stats.visits.Load(),
		Last:       c.stats.last.Load(),
		Batches:    c.stats.batches.Load(),
		Errors:     c.stats.errors.Load(),
		Left:       c.stats.gone.Load(),
		Waiting:    c.batch.size(),
		Registered: c.registered.Load(),
		Draining:   c.draining.Load(),
	}
	if s.Batches > 0 {
		s.MeanBatch = float64(c.stats.batched.Load()) / float64(s.Batches)
	}
	return s
}

// stats counts what Status and the metrics show.
type stats struct {
	visits, batches, batched, errors, gone atomic.Uint64
	last                                   atomic.Int64
	storeDown                              atomic.Bool // the last call failed: logged once

	visitSeconds, callSeconds, callSize prometheus.Histogram
	failures                            *prometheus.CounterVec
}

func newStats(reg prometheus.Registerer, c *Counter) (*stats, error) {
	s := &stats{
		visitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "pingd_counter_visit_seconds",
			Help:    "Time from a visit's arrival to its number.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16),
		}),
		callSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "pingd_counter_store_seconds",
			Help:    "Time of one call of the store.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16),
		}),
		callSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "pingd_counter_batch_visits",
			Help:    "Visits counted by one call of the store.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pingd_counter_errors_total",
			Help: "Visits answered 503, by reason: full, late, store.",
		}, []string{"reason"}),
	}
	if reg == nil {
		return s, nil
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	for _, m := range []prometheus.Collector{
		s.visitSeconds, s.callSeconds, s.callSize, s.failures,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "pingd_counter_visits_total", Help: "Visits answered with a number.",
		}, func() float64 { return float64(s.visits.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "pingd_counter_batches_total", Help: "Calls of the store that succeeded.",
		}, func() float64 { return float64(s.batches.Load()) }),
		gauge("pingd_counter_waiting", "Visits that wait for the next call of the store.",
			func() float64 { return float64(c.batch.size()) }),
		gauge("pingd_counter_registered", "1 while the counter holds its registration.",
			func() float64 { return asFloat(c.registered.Load()) }),
	} {
		if err := reg.Register(m); err != nil {
			return nil, fmt.Errorf("register counter metrics: %w", err)
		}
	}
	return s, nil
}

func (s *stats) counted(number int64, took time.Duration) {
	s.visits.Add(1)
	s.last.Store(number)
	s.visitSeconds.Observe(took.Seconds())
}

func (s *stats) left() { s.gone.Add(1) }

func (s *stats) failed(err error) {
	s.errors.Add(1)
	reason := "store"
	switch {
	case errors.Is(err, errFull):
		reason = "full"
	case errors.Is(err, errLate):
		reason = "late"
	}
	s.failures.WithLabelValues(reason).Inc()
}

// observe takes in one call of the store and logs when it begins or ceases to
// fail.
func (c *Counter) observe(size int, took time.Duration, err error) {
	s := c.stats
	s.callSeconds.Observe(took.Seconds())
	if err != nil {
		if !s.storeDown.Swap(true) {
			c.log.Warn("visits not counted", "visits", size, "took", took, "err", err)
		}
		return
	}
	if s.storeDown.Swap(false) {
		c.log.Info("visits are counted again", "visits", size)
	}
	s.batches.Add(1)
	s.batched.Add(uint64(size))
	s.callSize.Observe(float64(size))
}

func asFloat(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
