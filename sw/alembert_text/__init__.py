"""Alembert's texts: data sets and tokenisers, without torch."""
