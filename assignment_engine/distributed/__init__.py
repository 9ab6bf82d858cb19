"""Past one machine: planning in parts and training from chunks, on a Dask cluster.

Dask is an extra, imported only where it is used: ``pip install "assignment-engine[distributed]"``.
"""
