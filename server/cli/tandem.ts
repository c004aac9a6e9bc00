process.stderr.write('tandem\n');
