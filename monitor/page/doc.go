// Package page holds the monitor's page: one HTML document, one ES module and
// one style sheet, written by hand, without a build step and without any request
// to another origin. The module draws on canvas what the API and its event
// stream send. All names that come from outside are set as text, never as
// markup.
package page
