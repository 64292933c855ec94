"""PyTorch on the CPU, in channels_last: the network and its steps are those of scripts/torch_step.py."""

import argparse
import os
import sys

import torch

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from torch_step import UNet, Variant  # pylint: disable=wrong-import-position


def version():
    return f"PyTorch {torch.__version__}"


def set_up(task):
    torch.set_num_threads(task["threads"])
    options = argparse.Namespace(device="cpu", batch=task["batch"], size=task["size"], warm_up=0)
    return Variant(task["work"], "fp32", task["way"], True, options).run


def export(file):
    """The network for inference, batch norm folded; batch, height and width stay free."""
    free = {0: "n", 2: "h", 3: "w"}
    net = UNet(folded=True).eval()
    torch.onnx.export(net, (torch.rand(1, 3, 128, 128),), file, dynamo=False, opset_version=17, input_names=["x"],
                      output_names=["y"], dynamic_axes={"x": free, "y": free})
