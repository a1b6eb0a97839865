"""What data is like without being shown: counts, moments, quantiles and sketches of tables, arrays and files.

Equal data gives equal bytes, whatever the order in which it is read: every number is a count, or follows from
exact sums. `making` reads, `document` has the form in JSON, `sketching` and `moments` what is merged.
See docs/format/profile.md.
"""
