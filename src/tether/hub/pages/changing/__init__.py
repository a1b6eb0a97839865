"""Pages on which people change files: written, uploaded, renamed and deleted, and committed."""
