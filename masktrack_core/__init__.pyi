# What `import masktrack_core` offers: read by type checkers, and by lazy_loader at run time.

from .datasets.index import index_video
from .datasets.stills import index_stills
from .datasets.video_files import Clip
from .datasets.videos import FrameFolder, open_video
from .errors import InputError
from .experiment.evaluation import evaluate
from .experiment.models import Model, load
from .files.io import read_frame, read_labels, read_mask, write_labels, write_mask
from .masks.deform import DeformationParams, apply_deformation, sample_deformation
from .measures.metrics import contour_accuracy, region_similarity, summarize
from .measures.scoring import score
from .measures.temporal import temporal_instability
from .motion.flow import dense_flow, flow_image
from .networks.included import included_network
from .networks.network import build_network
from .networks.spec import NetworkSpec
from .networks.weights import load_network, load_pretrained, save_weights
from .registry import register
from .tracking.annotations import annotations_by_object, pixels_of_others
from .tracking.crf import CrfParams, refine
from .tracking.oracles import box_oracle, grabcut_oracle
from .tracking.propagation import propagate
from .tracking.propagation_params import PropagationParams
from .tracking.segmentation import FinetuningParams, finetune, segment_together, segment_video
from .tracking.together import propagate_together
from .training.loop import train
from .training.optimisers import TrainParams

__version__: str

__all__ = [
    "Clip",
    "CrfParams",
    "DeformationParams",
    "FinetuningParams",
    "FrameFolder",
    "InputError",
    "Model",
    "NetworkSpec",
    "PropagationParams",
    "TrainParams",
    "annotations_by_object",
    "apply_deformation",
    "box_oracle",
    "build_network",
    "contour_accuracy",
    "dense_flow",
    "evaluate",
    "finetune",
    "flow_image",
    "grabcut_oracle",
    "included_network",
    "index_stills",
    "index_video",
    "load",
    "load_network",
    "load_pretrained",
    "open_video",
    "pixels_of_others",
    "propagate",
    "propagate_together",
    "read_frame",
    "read_labels",
    "read_mask",
    "refine",
    "region_similarity",
    "register",
    "sample_deformation",
    "save_weights",
    "score",
    "segment_together",
    "segment_video",
    "summarize",
    "temporal_instability",
    "train",
    "write_labels",
    "write_mask",
]
