"""A voice framework as its manual shows it: pipecat's Twilio transport, hold music from its file mixer, keys change the file.

`python pipecat_twilio.py PORT TONE...` with WAV files (8 kHz, 16 bit) for the keys 1, 2, ...
"""

from __future__ import annotations

import json
import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.mixers.soundfile_mixer import SoundfileMixer
from pipecat.frames.frames import Frame, InputDTMFFrame, MixerUpdateSettingsFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

RATE = 8000
app = FastAPI()
tones: dict[str, str] = {}


class Keys(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputDTMFFrame):
            await self.push_frame(MixerUpdateSettingsFrame(settings={"sound": frame.button.value}))
        else:
            await self.push_frame(frame, direction)


@app.websocket("/media")
async def serve(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive_text()
    start = json.loads(await socket.receive_text())["start"]
    params = FastAPIWebsocketParams(
        audio_in_enabled=True,
        audio_out_enabled=True,
        add_wav_header=False,
        audio_out_mixer=SoundfileMixer(sound_files=tones, default_sound="1", volume=1.0, loop=True),
        audio_out_10ms_chunks=2,
        serializer=TwilioFrameSerializer(
            start["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
        ),
    )
    transport = FastAPIWebsocketTransport(websocket=socket, params=params)
    task = PipelineTask(
        Pipeline([transport.input(), Keys(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await task.cancel()

    await PipelineRunner(handle_sigint=False).run(task)


def main(port: str, *files: str) -> None:
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    tones.update({str(number): file for number, file in enumerate(files, 1)})
    uvicorn.run(app, host="127.0.0.1", port=int(port), loop="uvloop", log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
