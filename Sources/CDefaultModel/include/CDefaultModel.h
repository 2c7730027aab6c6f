#ifndef CDEFAULTMODEL_H
#define CDEFAULTMODEL_H

#include <stddef.h>

// The files of the default model's folder, inside the binary, so that a copied binary runs.

/// The bytes of config.json.
const unsigned char *default_model_config(size_t *length);
/// The bytes of vocabulary.tsv.
const unsigned char *default_model_vocabulary(size_t *length);
/// The bytes of model.safetensors.
const unsigned char *default_model_weights(size_t *length);
/// The bytes of genes.tsv: not of the model, but the genes that new models are made of.
const unsigned char *default_model_genes(size_t *length);

#endif
