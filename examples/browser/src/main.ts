import type { RunEvent } from '@graftjs/trainer';
import { answerFigure } from './answer.js';
import { backends } from './backends.js';
import { Chart } from './chart.js';
import { ClassList } from './class-list.js';
import { decodeImage } from './decode-image.js';
import { byId, make } from './elements.js';
import { heldOutImages, type ImageClass, problemOf } from './images-dataset.js';
import { type TrainedHead, trainHead } from './train-head.js';

const page = {
  classes: byId('classes', HTMLElement),
  refused: byId('refused', HTMLElement),
  addClass: byId('add-class', HTMLButtonElement),
  folder: byId('folder', HTMLInputElement),
  training: byId('training', HTMLFormElement),
  epochs: byId('epochs', HTMLInputElement),
  backend: byId('backend', HTMLSelectElement),
  train: byId('train', HTMLButtonElement),
  stop: byId('stop', HTMLButtonElement),
  status: byId('status', HTMLElement),
  progress: byId('progress', HTMLProgressElement),
  chart: byId('chart', HTMLElement),
  heldOut: byId('held-out', HTMLElement),
  use: byId('use', HTMLElement),
  try: byId('try', HTMLInputElement),
  download: byId('download', HTMLButtonElement),
  exported: byId('exported', HTMLElement),
  answers: byId('answers', HTMLElement),
};

let trained: TrainedHead | undefined;
let running: AbortController | undefined;

function say(where: HTMLElement, text: string): void {
  where.classList.remove('error');
  where.textContent = text;
}

function sayError(where: HTMLElement, error: unknown): void {
  where.classList.add('error');
  where.textContent = error instanceof Error ? error.message : String(error);
}

function showReadiness(): void {
  const problem = problemOf(list.classes);
  page.train.disabled = running !== undefined || problem !== undefined;
  if (!running) say(page.status, problem ?? 'Ready to train.');
}

const list = new ClassList(page.classes, showReadiness, (problems) => {
  page.refused.textContent = problems.join('\n');
});

function showProgress(done: number, count: number): void {
  page.progress.value = done / count;
}

/** Shows what a run tells while it goes on. */
function progressOf(): (event: RunEvent) => void {
  let chart: Chart | undefined;
  return (event) => {
    if (event.type === 'start') chart = new Chart(page.chart, event.totalSteps);
    if (event.type === 'features') {
      say(page.status, `The network looks at the images: ${event.done} of ${event.count} (${event.split})`);
      showProgress(event.done, event.count);
    }
    if (event.type === 'step') {
      chart?.addLoss(event.step, event.loss);
      say(page.status, `Epoch ${event.epoch}, step ${event.step} of ${event.totalSteps}`);
      showProgress(event.step, event.totalSteps);
    }
    if (event.type === 'evaluation' && 'top1' in event.result) chart?.addRight(event.step, event.result.top1);
  };
}

async function showHeldOut(network: TrainedHead, classes: readonly ImageClass[]): Promise<void> {
  const images = heldOutImages(classes);
  const answers = await network.classify(images.map(({ chosen }) => chosen.image));
  const figures = images.map(({ chosen, label }, index) =>
    answerFigure(chosen.url, chosen.name, answers[index]!, classes[label]!.name.trim()),
  );
  page.heldOut.replaceChildren(...figures);
}

async function train(): Promise<void> {
  running = new AbortController();
  const { signal } = running;
  // As they are now: they may be changed while it trains.
  const classes = list.classes.map(({ name, images }) => ({ name, images: [...images] }));
  page.use.hidden = true;
  page.stop.hidden = page.progress.hidden = false;
  page.heldOut.replaceChildren();
  page.answers.replaceChildren();
  showReadiness();
  say(page.status, 'The weights are fetched.');
  say(page.exported, '');
  try {
    await trained?.close();
    trained = undefined;
    const epochs = page.epochs.valueAsNumber;
    trained = await trainHead(classes, { epochs, backend: page.backend.value, onEvent: progressOf(), signal });
    await showHeldOut(trained, classes);
    const { top1, count } = trained.result.metrics;
    page.use.hidden = false;
    running = undefined;
    showReadiness();
    say(page.status, `Trained: ${Math.round(top1 * count)} of ${count} images right that it had not seen.`);
  } catch (error) {
    running = undefined;
    showReadiness();
    if (signal.aborted) say(page.status, 'Stopped.');
    else sayError(page.status, error);
  } finally {
    page.stop.hidden = page.progress.hidden = true;
  }
}

async function classify(files: readonly File[]): Promise<void> {
  const problems: string[] = [];
  for (const file of files) {
    try {
      const [answer] = await trained!.classify([await decodeImage(file)]);
      page.answers.prepend(answerFigure(URL.createObjectURL(file), file.name, answer!));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0) sayError(page.exported, problems.join('\n'));
  else say(page.exported, '');
}

async function download(): Promise<void> {
  page.download.disabled = true;
  try {
    say(page.exported, 'The file is written, and tried by onnxruntime-web.');
    const { bytes, exported } = await trained!.exportOnnx();
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    make('a', { href: url, download: 'network.onnx' }).click();
    URL.revokeObjectURL(url);
    const { compared, difference } = exported;
    say(
      page.exported,
      `network.onnx, ${(bytes.length / 1e6).toFixed(1)} MB: on ${compared} images it gives what the page gives, to ${difference.toExponential(0)} of the logits' scale.`,
    );
  } catch (error) {
    sayError(page.exported, error);
  } finally {
    page.download.disabled = false;
  }
}

for (const [name, text] of backends) page.backend.append(make('option', { value: name, textContent: text }));
for (const name of ['first class', 'second class']) list.add(name);

page.addClass.addEventListener('click', () => list.add(`class ${list.classes.length + 1}`));
page.folder.addEventListener('change', () => list.addFolder([...(page.folder.files ?? [])]));
page.training.addEventListener('submit', (event) => {
  event.preventDefault();
  train();
});
page.stop.addEventListener('click', () => running?.abort());
page.try.addEventListener('change', () => classify([...(page.try.files ?? [])]));
page.download.addEventListener('click', download);
