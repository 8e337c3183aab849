"""Alembert: an open transformer-inference accelerator for the edge, generated from Python.

``alembert.config`` holds the parameter objects and is free of Amaranth, so that golden models
and compilers may import it; the gateware lives in the other subpackages.
"""

__version__ = "0.1.0"
