#!/usr/bin/env python3
"""Makes the vocabulary of the default model from real cells.

usage: make_vocabulary.py human_val.h5ad > Sources/CDefaultModel/vocabulary.tsv
needs: numpy==2.4.6 h5py==3.16.0 scipy==1.17.1

Input: test/data/human_val.h5ad of the PyPI source package transcriptformer 0.6.1 (MIT; cells from CELLxGENE, CC BY 4.0):
1,000 human heart nuclei, raw counts in X, Ensembl ids in var/ensembl_id, symbols in var/feature_name.

A gene is taken if it has a name of its own and the name is not that of a non-coding transcript (the file has no
biotypes). Its non-zero median is that of count / total * 10000 over the cells in which it is seen, as rank value
encoding asks (Theodoris et al. 2023); a gene seen in fewer than 3 cells gets the median of all medians.
Tokens: <pad>, <mask>, then the genes by ascending Ensembl id, as in Geneformer's V1.
"""
import re
import sys

import h5py
import numpy as np
from scipy.sparse import csr_matrix

NON_CODING = re.compile(r"^(ENSG|LINC\d|[A-Z]{2}\d{6}\.|MIR\d+.*HG|SNHG|RP\d+-)|.*-(AS|IT|OT)\d$|.*-DT$")
SEEN = 3


def strings(group):
    if isinstance(group, h5py.Group):
        names = group["categories"].asstr()[:]
        return names[group["codes"][:]]
    return group.asstr()[:]


with h5py.File(sys.argv[1]) as file:
    x = file["X"]
    counts = csr_matrix((x["data"][:].astype(np.float64), x["indices"][:], x["indptr"][:]), shape=tuple(x.attrs["shape"]))
    ids, names = strings(file["var/ensembl_id"]), strings(file["var/feature_name"])

totals = np.asarray(counts.sum(axis=1)).ravel()
scaled = csr_matrix((counts.data / np.repeat(totals, np.diff(counts.indptr)) * 10000, counts.indices, counts.indptr), counts.shape).tocsc()
medians = np.full(len(ids), np.nan)
for gene in range(len(ids)):
    values = scaled.data[scaled.indptr[gene] : scaled.indptr[gene + 1]]
    if len(values) >= SEEN:
        medians[gene] = np.median(values)
medians[np.isnan(medians)] = np.nanmedian(medians)

genes = sorted((ids[i], names[i], medians[i]) for i in range(len(ids)) if not NON_CODING.match(names[i]))
print("token", "ensembl_id", "symbol", "nonzero_median", sep="\t")
print(0, "<pad>", "", "", sep="\t")
print(1, "<mask>", "", "", sep="\t")
for token, (gene, name, median) in enumerate(genes, start=2):
    print(token, gene, name, f"{median:.5g}", sep="\t")
