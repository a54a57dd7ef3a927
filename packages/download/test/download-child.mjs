// Downloads what its arguments say, and dies at an event: node download-child.mjs RECORD FOLDER TYPE DONE
import { download } from '@graftjs/download';

const [record, folder, type, done] = process.argv.slice(2);
await download(JSON.parse(record), {
  folder,
  onEvent: (event) => {
    if (event.type === type && event.done >= Number(done)) process.kill(process.pid, 'SIGKILL');
  },
});
