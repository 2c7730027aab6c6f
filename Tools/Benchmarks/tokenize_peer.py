"""The rank value encoding as Geneformer's Python tokenizer does it, in one process: chunks of 512 cells of a backed AnnData,
scipy for the norm, numpy.argsort for the order of each cell.
usage: tokenize_peer.py FILE.h5ad TOKENS.tsv [CELLS]    TOKENS.tsv: gene id, token, median; prints JSON"""
import json, sys, time
import anndata as ad, numpy as np, scipy.sparse as sp

path, table, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None
entries = [line.rstrip("\n").split("\t") for line in open(table)]
token_of = {gene: int(token) for gene, token, _ in entries}
median_of = {gene: float(median) for gene, _, median in entries}

start = time.perf_counter(), time.process_time()
data = ad.read_h5ad(path, backed="r")
ids = data.var["ensembl_id"] if "ensembl_id" in data.var else data.var_names
kept = np.array([i for i, gene in enumerate(ids) if gene in token_of])
tokens = np.array([token_of[ids.iloc[i] if hasattr(ids, "iloc") else ids[i]] for i in kept])
medians = np.array([median_of[ids.iloc[i] if hasattr(ids, "iloc") else ids[i]] for i in kept])
cells = min(limit or data.n_obs, data.n_obs)
ranked = []
for first in range(0, cells, 512):
    rows = data.X[first : min(first + 512, cells)]
    total = np.asarray(rows.sum(axis=1, dtype=np.float64))
    norm = sp.csr_matrix(rows[:, kept] / total * 10_000 / medians)
    for row in range(norm.shape[0]):
        one = norm[row]
        ranked.append(tokens[one.indices][np.argsort(-one.data)][:2048])
wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
print(json.dumps(dict(cells=cells, seconds=round(wall, 2), cpu_seconds=round(cpu, 2), cells_per_second=round(cells / wall, 1),
                      cells_per_cpu_second=round(cells / cpu, 1), tokens=int(sum(map(len, ranked))))))
