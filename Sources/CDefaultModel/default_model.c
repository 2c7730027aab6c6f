#include "CDefaultModel.h"

static const unsigned char config[] = {
#embed "config.json"
};

static const unsigned char vocabulary[] = {
#embed "vocabulary.tsv"
};

static const unsigned char weights[] = {
#embed "model.safetensors"
};

static const unsigned char genes[] = {
#embed "genes.tsv"
};

const unsigned char *default_model_config(size_t *length) {
    *length = sizeof config;
    return config;
}

const unsigned char *default_model_vocabulary(size_t *length) {
    *length = sizeof vocabulary;
    return vocabulary;
}

const unsigned char *default_model_weights(size_t *length) {
    *length = sizeof weights;
    return weights;
}

const unsigned char *default_model_genes(size_t *length) {
    *length = sizeof genes;
    return genes;
}
