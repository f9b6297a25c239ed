"""make_lm_eval.py - sample logs of lm-evaluation-harness, to be met number by number.

    pip install lm-eval==0.4.13 transformers==5.24.0 torch tokenizers datasets
    python tests/oracle/make_lm_eval.py          # from the root of the tree; nothing is downloaded

writes tests/oracle/lm_eval/model, a tiny random hybrid with a byte-level BPE tokenizer of its own and
a chat template, and the logs of these runs over tests/oracle/lm_eval/tasks, in plain/ and chat/:

    lm_eval run --model hf --model_args pretrained=MODEL,dtype=float32,softmax_dtype=float32,max_length=160
        --tasks parity_... --batch_size 1 --limit 24 --log_samples [--apply_chat_template]

With the path of the model that tools/fetch-model prints, SmolLM2-135M-Instruct,

    python tests/oracle/make_lm_eval.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf

the same runs of that model, its weights dequantised to float32 in a folder of transformers' that is removed
afterwards, with max_length=96 and --limit 10, in tests/oracle/lm_eval_smollm2, plain/ and chat/; the others stay. (Torch's
log-softmax in float32 over its 49,152 words is off by up to 3e-5 a token and one-sided: against float64 the 95
tokens of a page were off by 9e-4 there, by 2e-6 in gneiss.)

What depends on the machine or the day is left out of the results file. The documents stay in the logs.
"""

import glob
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_DATASETS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
HERE = Path(__file__).resolve().parent
OUT = HERE / "lm_eval"
MODEL = OUT / "model"
sys.path.insert(0, str(HERE))

import torch  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from make_models import A, M, EXPERTS, fill, hybrid  # noqa: E402

VOCAB = 512
TEMPLATE = (
    "{%- for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def make_tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    special = ["<|eos|>", "<|start|>", "<|end|>"]
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train(sorted(glob.glob("eval/tasks/offline/*.jsonl")), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=t, eos_token="<|eos|>", bos_token="<|eos|>",
                                   pad_token="<|eos|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(MODEL)
    return len(fast)


def make_model(vocab):
    settings = hybrid([M, A, M], **EXPERTS, vocab_size=vocab, max_position_embeddings=512,
                      bos_token_id=0, eos_token_id=0, pad_token_id=0,
                      tie_word_embeddings=False)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fill(model, 99)
    model.to(torch.bfloat16).save_pretrained(MODEL)
    (MODEL / "generation_config.json").unlink(missing_ok=True)


def unpack(gguf, folder):
    """SmolLM2 as transformers reads it."""
    from make_smollm2 import load

    key, model, tokenizer = load(gguf)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    word = lambda kind: key["tokenizer.ggml.tokens"][key[f"tokenizer.ggml.{kind}_token_id"]]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=word("bos"), eos_token=word("eos"),
                                   unk_token=word("unknown"), pad_token=word("padding"))
    fast.chat_template = key["tokenizer.chat_template"]
    fast.save_pretrained(folder)


def evaluate(name, tasks, model=MODEL, limit=24, longest=160, **more):
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    tracker = EvaluationTracker(output_path=str(folder))
    got = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={model},dtype=float32,softmax_dtype=float32,max_length={longest}",
        tasks=tasks, batch_size=1, limit=limit, log_samples=True, device="cpu",
        evaluation_tracker=tracker,
        task_manager=TaskManager(include_path=str(OUT / "tasks"), include_defaults=False), **more)
    samples = got.pop("samples")
    tracker.save_results_aggregated(results=got, samples=samples)
    for task in samples:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    for path in folder.glob("*/samples_*.jsonl"):
        path.rename(folder / (path.stem[: path.stem.rindex("_")] + ".jsonl"))
    (results,) = folder.glob("*/results_*.json")
    full = json.loads(results.read_text())
    keep = ("results", "versions", "n-shot", "higher_is_better", "n-samples")
    (folder / "results.json").write_text(json.dumps({k: full[k] for k in keep}, indent=1) + "\n")
    shutil.rmtree(results.parent)
    for path in folder.iterdir():
        path.chmod(0o644)
    print(name, {k: v for k, v in got["results"].items()})


def both(prefix, **how):
    evaluate(prefix + "plain", ["parity_choice", "parity_shots", "parity_target", "parity_rolling", "parity_generate"], **how)
    evaluate(prefix + "chat", ["parity_shots", "parity_generate"], apply_chat_template=True, fewshot_as_multiturn=True, **how)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as at:
            unpack(sys.argv[1], Path(at))
            both("../lm_eval_smollm2/", model=at, limit=10, longest=96)
        sys.exit()
    shutil.rmtree(MODEL, ignore_errors=True)
    MODEL.mkdir(parents=True)
    make_model(make_tokenizer())
    for file in MODEL.iterdir():
        file.chmod(0o644)
    both("")
