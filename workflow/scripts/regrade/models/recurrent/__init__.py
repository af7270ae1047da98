"""Recurrent layers: GRU, LSTM and the vanilla cell, for several runs at once.

The pass over the time steps is written out, forwards and backwards, so that each step costs a handful of operations on
all runs together: what does not depend on the step before (input products, derivative factors, gradients of the
kernels) is one operation over all steps. Gates are in Keras' order. Formulas: Cho et al. 2014 (GRU), Hochreiter and
Schmidhuber 1997 with a forget gate (LSTM).
"""
