"""What other programs read of a release: cards, Croissant, CycloneDX, SLSA, signatures, folders and archives.

Each module is one form. All are views of the manifest and of the data that it names: what nobody said is left
out and listed as missing, and nothing is guessed. Names of others are escaped by `markup`.
"""
