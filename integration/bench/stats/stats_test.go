package stats

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogramQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("an empty histogram is not all zero")
	}
	for i := range 1000 {
		h.Record(time.Duration(i+1) * time.Millisecond)
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Millisecond}, {0.5, 500 * time.Millisecond}, {0.99, 990 * time.Millisecond}, {1, time.Second}} {
		got := h.Quantile(tt.q)
		if got < tt.want || float64(got) > float64(tt.want)*1.017 {
			t.Errorf("quantile %v is %v, want %v to 1.7 %% more", tt.q, got, tt.want)
		}
	}
	if h.Max() != time.Second || h.Count() != 1000 {
		t.Errorf("max %v of %d, want 1s of 1000", h.Max(), h.Count())
	}
	h.Record(-time.Second)
	if got := h.Quantile(0); got != 0 {
		t.Errorf("a negative duration is counted as %v, want 0", got)
	}
}

func TestHistogramAgainstSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 1, 200).Draw(t, "values")
		var whole, left, right Histogram
		for i, v := range values {
			whole.Record(time.Duration(v))
			[]*Histogram{&left, &right}[i%2].RecordN(time.Duration(v), 1)
		}
		left.Merge(&right)
		if left != whole {
			t.Fatal("merged halves differ from the whole")
		}
		slices.Sort(values)
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		rank := min(max(int(q*float64(len(values))), 1), len(values))
		exact, got := values[rank-1], int64(whole.Quantile(q))
		if got < exact || float64(got) > float64(exact)*(1+1.0/subBuckets) {
			t.Fatalf("quantile %v is %d, exactly %d", q, got, exact)
		}
	})
}

func TestBucketsTile(t *testing.T) {
	for i := range 40 * subBuckets {
		if got := bucket(top(i)); got != i {
			t.Fatalf("top of bucket %d falls in bucket %d", i, got)
		}
		if got := bucket(top(i) + 1); got != i+1 {
			t.Fatalf("after the top of bucket %d comes bucket %d", i, got)
		}
	}
}

func TestMedianRatioSpread(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(tt.values); got != tt.want {
			t.Errorf("median of %v is %v, want %v", tt.values, got, tt.want)
		}
	}
	in := []time.Duration{3, 1, 2}
	if Median(in) != 2 || in[0] != 3 {
		t.Errorf("the median of durations, or its argument, is wrong: %v", in)
	}
	if got := Ratio([]float64{2, 9, 8, 7}, []float64{1, 3, 0}); got != 2.5 {
		t.Errorf("ratio is %v, want 2.5", got)
	}
	if got := Ratio(nil, []float64{1}); got != 0 {
		t.Errorf("ratio of nothing is %v, want 0", got)
	}
	if got := Spread([]float64{8, 10, 13}); got != 0.5 {
		t.Errorf("spread is %v, want 0.5", got)
	}
	if got := Spread([]float64{8}); got != 0 {
		t.Errorf("spread of one is %v, want 0", got)
	}
}

func TestGaps(t *testing.T) {
	g := NewGaps(100)
	for _, at := range []time.Duration{50, 60, 300, 290, 310, 900} {
		g.Answer(at)
	}
	g.End(950)
	if got, want := g.Longest(), (Gap{Start: 310, Long: 590}); got != want {
		t.Errorf("longest is %v, want %v", got, want)
	}
	for _, tt := range []struct {
		name       string
		start, end time.Duration
		want       Gap
	}{
		{"before any", 0, 50, Gap{}},
		{"first", 0, 310, Gap{60, 240}},
		{"in the middle of one", 500, 600, Gap{310, 590}},
		{"two, the longer counts", 100, 400, Gap{310, 590}},
		{"after all", 900, 1000, Gap{}},
	} {
		if got := g.LongestWithin(tt.start, tt.end); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	silent := NewGaps(100)
	silent.End(500)
	if got := silent.Longest().Long; got != 500 {
		t.Errorf("a run without an answer has the gap %v, want 500ns", got)
	}
}

func TestLedger(t *testing.T) {
	for _, tt := range []struct {
		name  string
		base  int64
		acks  []int64
		final int64
		want  Account
	}{
		{"nothing", 5, nil, 5, Account{Final: 5}},
		{"all in order", 0, []int64{1, 2, 3}, 3, Account{Acked: 3, Final: 3}},
		{"two handed out, one answered", 7, []int64{8, 10}, 10, Account{Acked: 2, Unclaimed: 1, Final: 10}},
		{"a number twice", 0, []int64{1, 2, 2}, 2, Account{Acked: 3, Duplicates: 1, Lost: 1, Final: 2}},
		{"gone back", 0, []int64{1, 2, 3, 4}, 2, Account{Acked: 4, Beyond: 2, Lost: 2, Final: 2}},
		{"gone back below the base", 9, []int64{10}, 3, Account{Acked: 1, Beyond: 1, Lost: 1, Final: 3}},
		{"from before the run", 9, []int64{9, 10}, 10, Account{Acked: 2, Duplicates: 1, Lost: 1, Final: 10}},
		{"beyond the first words", 0, []int64{70_000, 64, 65}, 70_000, Account{Acked: 3, Unclaimed: 69_997, Final: 70_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLedger(tt.base)
			for _, n := range tt.acks {
				if _, err := l.Ack(n); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.Close(tt.final); got != tt.want {
				t.Errorf("account %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestLedgerBounds(t *testing.T) {
	l := NewLedger(0)
	if _, err := l.Ack(1 << 40); !errors.Is(err, ErrSpan) {
		t.Errorf("error %v, want ErrSpan", err)
	}
	if l.Close(0) != (Account{}) || l.Highest() != 0 {
		t.Error("a refused number is in the account")
	}
}

// Any order, any losses: the ledger agrees with counting by a map.
func TestLedgerAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(0, 1000).Draw(t, "base")
		acks := rapid.SliceOf(rapid.Int64Range(base-3, base+300)).Draw(t, "acks")
		rand.Shuffle(len(acks), func(i, j int) { acks[i], acks[j] = acks[j], acks[i] })
		final := base + rapid.Int64Range(-5, 320).Draw(t, "final")
		l, seen := NewLedger(base), map[int64]bool{}
		var standing int64
		for _, n := range acks {
			isNew, err := l.Ack(n)
			if err != nil {
				t.Fatal(err)
			}
			if want := n > base && !seen[n]; isNew != want {
				t.Fatalf("%d is new: %v, want %v", n, isNew, want)
			}
			if isNew && n <= final {
				standing++
			}
			seen[n] = true
		}
		got := l.Close(final)
		if got.Acked-got.Lost != standing || got.Lost != got.Duplicates+got.Beyond {
			t.Fatalf("%+v: want %d that stand", got, standing)
		}
		if want := max(0, final-base-standing); got.Unclaimed != want {
			t.Fatalf("%+v: want %d unclaimed", got, want)
		}
	})
}
