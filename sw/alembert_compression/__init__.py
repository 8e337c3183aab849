"""Post-training quantisation: number grids, calibration ranges, GPTQ.

It knows tensors alone, neither models nor machines, and needs numpy and the golden models.
"""
