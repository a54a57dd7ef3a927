"""A classifier in TensorFlow with TF-Slim: train, head, infer, restore; `checkpoint` writes a V1 file."""

import os

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import importlib
import sys
from importlib.metadata import version

import numpy as np
import tensorflow.compat.v1 as tf
import tf_keras.src.legacy_tf_layers as legacy
from report import report_end, settings, time_steps

# tf_slim looks for these where tf_keras had them once.
sys.modules['tf_keras.legacy_tf_layers'] = legacy
for part in ('base', 'convolutional', 'core', 'normalization', 'pooling'):
    module = importlib.import_module(f'tf_keras.src.legacy_tf_layers.{part}')
    sys.modules[f'tf_keras.legacy_tf_layers.{part}'] = module

import tf_slim as slim
from tf_slim.nets import inception, resnet_v1

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)
batch, size, task, network = settings['batch'], settings['size'], settings['task'], settings['network']


def vgg_16(images, training):
    """As TF-Slim's `nets/vgg.py`, with a first dense layer that takes images of any size from 32."""
    with tf.variable_scope('vgg_16'):
        net = images
        for stage, (layers, channels) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
            net = slim.repeat(net, layers, slim.conv2d, channels, [3, 3], scope=f'conv{stage}')
            net = slim.max_pool2d(net, [2, 2], scope=f'pool{stage}')
        net = slim.conv2d(net, 4096, [size // 32, size // 32], padding='VALID', scope='fc6')
        net = slim.dropout(net, 0.5, is_training=training, scope='dropout6')
        net = slim.conv2d(net, 4096, [1, 1], scope='fc7')
        net = slim.dropout(net, 0.5, is_training=training, scope='dropout7')
        net = slim.conv2d(net, 1000, [1, 1], activation_fn=None, scope='fc8')
        return tf.squeeze(net, [1, 2])


def resnet_v1_50(images, training):
    with slim.arg_scope(resnet_v1.resnet_arg_scope()):
        logits, _ = resnet_v1.resnet_v1_50(images, 1000, is_training=training)
    return tf.reshape(logits, [batch, 1000])


def inception_v3(images, training):
    with slim.arg_scope(inception.inception_v3_arg_scope()):
        return inception.inception_v3(images, 1000, is_training=training, create_aux_logits=training)[0]


# Networks, the scopes of their last layers, and what is done to an image.
networks = {
    'vgg_16': (vgg_16, 'vgg_16/fc8', [123.68, 116.78, 103.94], 1),
    'resnet_v1_50': (resnet_v1_50, 'resnet_v1_50/logits', [123.68, 116.78, 103.94], 1),
    'inception_v3': (inception_v3, 'InceptionV3/Logits', [127.5, 127.5, 127.5], 1 / 127.5),
}
build, last, mean, scale = networks[network]
tf.set_random_seed(1)
random = np.random.RandomState(1)
pixels = random.randint(0, 256, (batch, size, size, 3)).astype(np.uint8)
classes = random.randint(0, 1000, batch).astype(np.int32)
images = tf.placeholder(tf.uint8, [batch, size, size, 3])
labels = tf.placeholder(tf.int32, [batch])
logits = build((tf.cast(images, tf.float32) - mean) * scale, task in ('train', 'head'))
feed = {images: pixels, labels: classes}

if task in ('train', 'head'):
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    trained = tf.trainable_variables(last if task == 'head' else None)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        fetches = [tf.train.MomentumOptimizer(1e-5, 0.9).minimize(loss, var_list=trained), loss]
elif task == 'infer':
    fetches = logits
else:
    saver = tf.train.Saver(write_version=tf.train.SaverDef.V1)

threads = tf.ConfigProto(intra_op_parallelism_threads=settings['threads'], inter_op_parallelism_threads=1)
with tf.Session(config=threads) as session:
    if task != 'restore':
        session.run(tf.global_variables_initializer())
    if task == 'checkpoint':
        saver.save(session, settings['checkpoint'], write_meta_graph=False, write_state=False)
    elif task == 'restore':
        time_steps(0, lambda: saver.restore(session, settings['checkpoint']))
    else:
        time_steps(batch, lambda: session.run(fetches, feed))
    report_end({'TensorFlow': tf.__version__, 'tf_slim': version('tf_slim')})
