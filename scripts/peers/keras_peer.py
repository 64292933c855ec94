"""Keras on TensorFlow: the original, MobileNetV2 of keras.applications and the tutorial's decoder, with random weights.

A step is what Keras's own user calls: train_on_batch, or predict_on_batch.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # pylint: disable=wrong-import-position
import tensorflow as tf  # pylint: disable=wrong-import-position

SKIPS = ("block_13_expand_relu", "block_6_expand_relu", "block_3_expand_relu", "block_1_expand_relu")
LAST = "block_16_project"
FILTERS = (512, 256, 128, 64)
CLASSES = 2


def version():
    return f"Keras {keras.__version__}, TensorFlow {tf.__version__}"


def upsampling(filters, **options):
    return keras.layers.Conv2DTranspose(filters, 3, strides=2, padding="same", **options)


def unet(size, train_encoder):
    base = keras.applications.MobileNetV2(input_shape=(size, size, 3), include_top=False, weights=None)
    encoder = keras.Model(base.input, [base.get_layer(name).output for name in SKIPS + (LAST,)])
    encoder.trainable = train_encoder
    image = keras.Input((size, size, 3))
    *skips, x = encoder(image)
    for filters, skip in zip(FILTERS, skips):
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(upsampling(filters, use_bias=False)(x)))
        x = keras.layers.Concatenate()([x, skip])
    return keras.Model(image, upsampling(CLASSES)(x))


def set_up(task):
    tf.config.threading.set_intra_op_parallelism_threads(task["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(task["threads"])
    batch, size = task["batch"], task["size"]
    net = unet(size, train_encoder=task["work"] == "finetuning")
    x = tf.random.uniform((batch, size, size, 3), -1, 1, seed=1)
    if task["work"] == "inference":
        return lambda: net.predict_on_batch(x)
    y = tf.random.uniform((batch, size, size, 1), 0, CLASSES, tf.int32, seed=1)
    net.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda: net.train_on_batch(x, y)
