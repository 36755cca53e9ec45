package export

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/cluster"
)

var (
	monitorSeries   = gaugeOf("pingd_monitor_series", "Series the monitor keeps in memory.")
	monitorSamples  = counterOf("pingd_monitor_samples_total", "Samples the monitor took since its start.")
	monitorViewers  = gaugeOf("pingd_monitor_viewers", "Pages that follow the monitor now.")
	monitorDuration = gaugeOf("pingd_monitor_sample_duration_seconds", "How long the last sample took.")
	monitorBytes    = gaugeOf("pingd_monitor_history_bytes", "Size of the history on disk.")
	monitorSyncs    = counterOf("pingd_monitor_history_syncs_total", "Times the history was put on the disk.")
	monitorFailures = counterOf("pingd_monitor_history_failures_total", "Times the disk refused the history.")
	monitorWarnings = gaugeOf("pingd_monitor_warnings", "Things the monitor can not read, and says so on its page.")

	alerts      = gaugeOf("pingd_alert", "Alerts that are raised; always 1.", "rule", "subject", "severity", "silenced")
	noticesSent = counterOf("pingd_monitor_notifications_total", "Messages delivered.", "way")
	noticesLost = counterOf("pingd_monitor_notifications_failed_total", "Attempts to deliver a message that failed.", "way")
	noticesWait = gaugeOf("pingd_monitor_notifications_waiting", "Changes of alerts that wait to be delivered.", "way")
)

// Own is what the monitor tells of itself.
type Own struct {
	Series, Viewers, Warnings int
	Samples                   uint64
	Took                      time.Duration // of the last sample
	Bytes                     int64         // of the history on disk
	Syncs, Failures           uint64
	Alerts                    []cluster.Alert
	Ways                      []Way
}

// Way is how one way to tell people of alerts does.
type Way struct {
	Name         string
	Sent, Failed uint64
	Waiting      int
}

// CollectOwn sends what the monitor tells of itself.
func CollectOwn(ch chan<- prometheus.Metric, o Own) {
	monitorSeries.emit(ch, float64(o.Series))
	monitorSamples.emit(ch, float64(o.Samples))
	monitorViewers.emit(ch, float64(o.Viewers))
	monitorDuration.emit(ch, o.Took.Seconds())
	monitorBytes.emit(ch, float64(o.Bytes))
	monitorSyncs.emit(ch, float64(o.Syncs))
	monitorFailures.emit(ch, float64(o.Failures))
	monitorWarnings.emit(ch, float64(o.Warnings))
	for i := range o.Alerts {
		a := &o.Alerts[i]
		silenced := "false"
		if a.Silenced {
			silenced = "true"
		}
		alerts.emit(ch, 1, a.Rule, a.Subject, a.Severity.String(), silenced)
	}
	for _, w := range o.Ways {
		noticesSent.emit(ch, float64(w.Sent), w.Name)
		noticesLost.emit(ch, float64(w.Failed), w.Name)
		noticesWait.emit(ch, float64(w.Waiting), w.Name)
	}
}
