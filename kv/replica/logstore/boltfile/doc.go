// Package boltfile reads the files of bbolt without trusting them, to find damage
// before bbolt opens one: bbolt keeps no checksums of its data, falls back to an
// older state when the newest head is damaged, and panics or loops on a tree that
// is none. The package is pure: it reads an io.ReaderAt, page by page.
//
// What it finds: heads of which either is damaged or missing, pages that are
// somewhere else, twice, of another kind or out of bounds, elements that leave
// their page, keys out of order, a list of free pages that is not exactly the pages
// not in use. What it cannot find is damage within keys and values: whoever wrote
// them has to sum them up.
package boltfile
