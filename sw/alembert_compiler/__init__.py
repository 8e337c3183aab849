"""Alembert's compiler: checkpoints in, quantised tensors out.

Checkpoints are read and run by numpy alone: nobody needs torch to use a model.
"""
