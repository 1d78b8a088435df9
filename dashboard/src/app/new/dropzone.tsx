"use client";

import clsx from "clsx";
import { FolderUp, Upload, X } from "lucide-react";
import { useRef, useState } from "react";
import { Failure } from "@/components/states";
import { Button } from "@/components/ui";
import { bytes, plural } from "@/lib/format";
import { type Chosen, chosenFrom, ofDrop, ofInput } from "@/upload/files";

const SHOWN = 200;

export function Dropzone({ chosen, onChoose }: { chosen: Chosen | null; onChoose: (chosen: Chosen | null) => void }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function onDrop(event: React.DragEvent): Promise<void> {
    event.preventDefault();
    setOver(false);
    setError(null);
    try {
      onChoose(chosenFrom(await ofDrop(event.dataTransfer)));
    } catch (failed) {
      setError(failed);
    }
  }
  function onInput(event: React.ChangeEvent<HTMLInputElement>): void {
    if (event.target.files?.length) onChoose(chosenFrom(ofInput(event.target.files)));
    event.target.value = ""; // the same folder may be chosen again
  }
  if (chosen) return <Listed chosen={chosen} clear={() => onChoose(null)} />;
  return (
    <div
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => void onDrop(event)}
      className={clsx("flex flex-col items-center gap-3 rounded-lg border border-dashed px-4 py-8 text-center transition-colors", over ? "border-accent bg-accent/8" : "border-line-strong")}
    >
      <p className="text-[0.8125rem] text-muted">Drop a folder or files here</p>
      <div className="flex flex-wrap justify-center gap-2">
        <Button size="sm" onClick={() => folder.current?.click()}>
          <FolderUp aria-hidden className="size-3.5" /> Choose a folder
        </Button>
        <Button size="sm" onClick={() => files.current?.click()}>
          <Upload aria-hidden className="size-3.5" /> Choose files
        </Button>
      </div>
      <input ref={files} type="file" multiple hidden aria-label="Files" data-testid="files" onChange={onInput} />
      <input ref={folder} type="file" hidden aria-label="Folder" data-testid="folder" onChange={onInput} {...{ webkitdirectory: "" }} />
      <p className="text-2xs text-faint">They go to this server alone. What is made, such as node_modules or .git, is left out.</p>
      {error !== null && <Failure compact error={error} />}
    </div>
  );
}

function Listed({ chosen, clear }: { chosen: Chosen; clear: () => void }) {
  const { entries, left } = chosen;
  return (
    <div className="space-y-2">
      <div className="flex items-center gap-3 text-[0.8125rem]">
        <p className="num">
          <span className="font-medium">{plural(entries.length, "file")}</span> <span className="text-muted">{bytes(chosen.bytes)}</span>
        </p>
        <Button size="sm" kind="ghost" className="ml-auto" onClick={clear}>
          <X aria-hidden className="size-3.5" /> Choose others
        </Button>
      </div>
      <ul tabIndex={0} aria-label="Files" className="max-h-44 overflow-y-auto rounded-lg bg-canvas p-2 font-mono text-xs text-muted ring-1 ring-line ring-inset">
        {entries.slice(0, SHOWN).map((entry) => (
          <li key={entry.path} className="truncate">
            {entry.path}
          </li>
        ))}
        {entries.length > SHOWN && <li className="text-faint">and {entries.length - SHOWN} more</li>}
      </ul>
      {left.length > 0 && <p className="text-2xs text-faint">Left out: {left.join(", ")}</p>}
    </div>
  );
}
