#!/usr/bin/env python3
"""Makes the list of human genes that new models are made of.

usage: make_genes.py human_val.h5ad > Sources/CDefaultModel/genes.tsv
needs: numpy==2.4.6 h5py==3.16.0

Input: test/data/human_val.h5ad of the PyPI source package transcriptformer 0.6.1 (MIT; cells from CELLxGENE, CC BY 4.0):
Ensembl ids in var/ensembl_id, symbols in var/feature_name. A gene is taken if it has a name of its own and the name is
not that of a non-coding transcript (the file has no biotypes). The form is that of a vocabulary; all medians are 1.
"""
import re
import sys

import h5py

NON_CODING = re.compile(r"^(ENSG|LINC\d|[A-Z]{2}\d{6}\.|MIR\d+.*HG|SNHG|RP\d+-)|.*-(AS|IT|OT)\d$|.*-DT$")


def strings(group):
    if isinstance(group, h5py.Group):
        names = group["categories"].asstr()[:]
        return names[group["codes"][:]]
    return group.asstr()[:]


with h5py.File(sys.argv[1]) as file:
    ids, names = strings(file["var/ensembl_id"]), strings(file["var/feature_name"])

genes = sorted((ids[i], names[i]) for i in range(len(ids)) if not NON_CODING.match(names[i]))
print("token", "ensembl_id", "symbol", "nonzero_median", sep="\t")
print(0, "<pad>", "", "", sep="\t")
print(1, "<mask>", "", "", sep="\t")
for token, (gene, name) in enumerate(genes, start=2):
    print(token, gene, name, 1, sep="\t")
