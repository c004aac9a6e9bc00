document.title = 'Tandem';
