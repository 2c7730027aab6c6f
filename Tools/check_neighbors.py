"""Shows that NumPy, umap-learn and scanpy take what `embdb export --knn` writes. Run by check-neighbors.

usage: check_neighbors.py EMBEDDINGS.npy NEIGHBORS.npz
"""
import sys

import anndata
import numpy as np
import scanpy
import umap
from umap.umap_ import fuzzy_simplicial_set

embeddings, path = np.load(sys.argv[1]), sys.argv[2]
with np.load(path) as file:
    indices, distances = file["indices"], file["distances"]
cells, k = indices.shape
ids = open(path + ".ids.txt", encoding="utf-8").read().splitlines()
embedded = open(sys.argv[1] + ".ids.txt", encoding="utf-8").read().splitlines()
assert indices.dtype == np.int64 and distances.dtype == np.float32 and distances.shape == indices.shape
assert ids == embedded and len(ids) == cells == len(embeddings)
assert (indices >= 0).all() and (indices < cells).all() and (np.diff(distances, axis=1) >= 0).all()
assert not (indices == np.arange(cells)[:, None]).any(), "a cell is its own neighbor"

unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
some = np.random.default_rng(0).choice(cells, min(cells, 500), replace=False)
all_distances = 1 - unit[some].astype(np.float64) @ unit.T.astype(np.float64)
np.testing.assert_allclose(
    np.take_along_axis(all_distances, indices[some], 1), distances[some], atol=2e-6)
all_distances[np.arange(len(some)), some] = np.inf
farthest = np.partition(all_distances, k - 1, axis=1)[:, k - 1:k]
recall = (distances[some] <= farthest + 1e-6).mean()
assert recall >= 0.97, f"recall {recall}"

# umap-learn counts a cell as the first of its own neighbors.
own = np.arange(cells)[:, None]
knn = (np.hstack([own, indices]), np.hstack([np.zeros((cells, 1), np.float32), distances]))
drawn = umap.UMAP(
    n_neighbors=k + 1, metric="cosine", precomputed_knn=knn, n_epochs=20, random_state=0, init="random").fit_transform(embeddings)
assert drawn.shape == (cells, 2) and np.isfinite(drawn).all()

# What sc.pp.neighbors leaves behind, and what scanpy does with it.
adata = anndata.AnnData(obs={"cell": ids}, obsm={"X_embdb": embeddings})
adata.obsp["connectivities"] = fuzzy_simplicial_set(
    embeddings, k + 1, np.random.RandomState(0), "cosine", knn_indices=knn[0], knn_dists=knn[1])[0].tocsr()
adata.uns["neighbors"] = {
    "connectivities_key": "connectivities", "params": {"n_neighbors": k + 1, "method": "umap", "use_rep": "X_embdb"}}
scanpy.tl.umap(adata, maxiter=20, init_pos="random")
assert np.isfinite(adata.obsm["X_umap"]).all()
print(f"{cells:,} cells, {k} neighbors: recall {recall:.4f}; umap-learn and scanpy draw them")
