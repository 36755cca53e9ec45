// Package notify tells people of alerts: by a webhook, to Slack and what speaks its
// language, by mail.
//
// A Notifier has a queue and a goroutine for each way, so that one that does not
// answer holds nobody up. What can not be delivered is tried again, later and later,
// for a day; what piled up meanwhile goes out as one message. What the other side
// refuses for good is given up.
package notify
