"""Golden models of Alembert: numpy only, integer-exact, vectorised.

Each module has the leaf name of the gateware it models. A model computes what the hardware
computes, bit for bit; how close that is to real arithmetic is tested against float64 apart.
"""
