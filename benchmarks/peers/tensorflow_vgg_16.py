"""VGG-16 in TensorFlow with TF-Slim: train, head, infer, restore; `checkpoint` writes a V1 file."""

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

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)
batch, size, task = settings['batch'], settings['size'], settings['task']


def vgg_16(images, training):
    """As TF-Slim's `nets/vgg.py`, with a first dense layer that takes pictures of any size from 32."""
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


tf.set_random_seed(1)
random = np.random.RandomState(1)
pictures = random.randint(0, 256, (batch, size, size, 3)).astype(np.uint8)
classes = random.randint(0, 1000, batch).astype(np.int32)
images = tf.placeholder(tf.uint8, [batch, size, size, 3])
labels = tf.placeholder(tf.int32, [batch])
logits = vgg_16(tf.cast(images, tf.float32) - [123.68, 116.78, 103.94], task in ('train', 'head'))
feed = {images: pictures, labels: classes}

if task in ('train', 'head'):
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    scope = 'vgg_16/fc8' if task == 'head' else None
    fetches = [tf.train.MomentumOptimizer(1e-5, 0.9).minimize(loss, var_list=tf.trainable_variables(scope)), loss]
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
