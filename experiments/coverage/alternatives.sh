#!/bin/sh
# Records of the named alternatives that the paper's printed numbers may be of, each in a folder of its own.
set -e
records=${1:-experiments/coverage/alternatives}
one() { # folder task words...
    folder=$1 task=$2
    shift 2
    aibench characterize "task=$task" scale=reference hardware=cpu "$@" --only characteristics --output "$records/$folder"
}
one resnet101_c4 object_detection model=object_detection/resnet101_c4 data.height=600 data.width=900
one inception_v3 image_to_text model=image_to_text/inception_v3
one resnet34_182 face_embedding model=face_embedding/resnet34_182
one teacher learning_to_rank model.student_dimensions=100
