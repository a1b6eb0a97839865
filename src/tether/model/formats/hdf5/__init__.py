"""HDF5, as far as files with weights use it, read by range and in Python.

Source: HDF5 File Format Specification Version 3.0 (The HDF Group). Checksums are not compared: what a file
says is checked against the file instead, and a tensor has a digest of its own.
"""
