exports.word = 'own module';
