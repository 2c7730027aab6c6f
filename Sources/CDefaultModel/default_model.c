#include "CDefaultModel.h"

static const unsigned char config[] = {
#embed "config.json"
};

static const unsigned char vocabulary[] = {
#embed "vocabulary.tsv"
};

const unsigned char *default_model_config(size_t *length) {
    *length = sizeof config;
    return config;
}

const unsigned char *default_model_vocabulary(size_t *length) {
    *length = sizeof vocabulary;
    return vocabulary;
}
