"""Writes what the other engines of the benchmark read: the published weights, without our adapter, as ONNX.

    python -m pip install -r requirements.txt
    python export.py SmolLM2-135M-Instruct.Q4_1.gguf efficientnet-lite0-57934424.pth OUT

    OUT/decoder/             a `transformers` folder with onnx/model.onnx (fp32), model_int8.onnx (dynamic) and model_q4.onnx (blocks of 32)
    OUT/encoder.onnx         the picture encoder to the mean of its map, [1, 3, 224, 224] to [1, 1280], batch norms folded
    OUT/prompt.json          the tokens of prompt.txt
    OUT/model.gguf           the GGUF as it is
"""

import json
import pathlib
import shutil
import sys

import torch
from onnx import load as load_onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from optimum.exporters.onnx import onnx_export_from_model
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "fixtures" / "parity"))
from make import EfficientNet, read_gguf  # noqa: E402

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def decoder(gguf, out):
    weights, settings, tokenizer = read_gguf(gguf)
    vocabulary, width = weights["token_embd.weight"].shape
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=weights["blk.0.ffn_gate.weight"].shape[0],
        num_hidden_layers=settings["layers"],
        num_attention_heads=settings["heads"],
        num_key_value_heads=settings["shared_heads"],
        rope_theta=settings["base"],
        rms_norm_eps=settings["epsilon"],
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config).eval()
    state = {"model.embed_tokens.weight": weights["token_embd.weight"], "model.norm.weight": weights["output_norm.weight"]}
    for layer in range(settings["layers"]):
        for name, to in NAMES.items():
            state[f"model.layers.{layer}.{to}.weight"] = weights[f"blk.{layer}.{name}.weight"]
    state = {name: tensor.float() for name, tensor in state.items()}
    missing, unknown = model.load_state_dict(state, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unknown, (missing, unknown)
    model.tie_weights()
    folder = out / "decoder" / "onnx"
    onnx_export_from_model(model, folder, task="text-generation-with-past", opset=17, do_validation=False)
    for name in ("config.json", "generation_config.json"):
        shutil.move(folder / name, folder.parent / name)
    quantize_dynamic(folder / "model.onnx", folder / "model_int8.onnx", weight_type=QuantType.QInt8)
    q4 = MatMulNBitsQuantizer(load_onnx(folder / "model.onnx"), block_size=32, is_symmetric=False)
    q4.process()
    q4.model.save_model_to_file(str(folder / "model_q4.onnx"), use_external_data_format=False)
    ids = tokenizer.encode((HERE / "prompt.txt").read_text()).ids
    (out / "prompt.json").write_text(json.dumps(ids))
    print(f"{len(ids)} tokens of prompt")
    shutil.copy(gguf, out / "model.gguf")


class Encoder(torch.nn.Module):
    """The picture encoder in single precision, batch norms as they are: the exporter folds them."""

    def __init__(self, weights):
        super().__init__()
        self.net = EfficientNet(weights)
        self.net.w = {name: tensor.float() for name, tensor in self.net.w.items()}

    def forward(self, pixels):
        return self.net.map(pixels).mean((2, 3))


def encoder(checkpoint, out):
    model = Encoder(torch.load(checkpoint, map_location="cpu", weights_only=True)).eval()
    names = {"input_names": ["pixels"], "output_names": ["map"]}
    torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), out / "encoder.onnx", opset_version=17, dynamo=False, **names)


if __name__ == "__main__":
    gguf, checkpoint, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        encoder(checkpoint, out)
        decoder(gguf, out)
