"""Alembert's training: ALBERT with early exits, quantised, distilled and pruned while it learns.

Needs torch, which nothing else of the project does.
"""
